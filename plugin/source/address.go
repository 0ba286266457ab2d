package source

import (
	"net/netip"
	"strconv"
	"strings"
)

// ParseHost reads a host as users name it: a DNS name, an IPv4 address, or an
// IPv6 address, with brackets or without. A port, "" when there is none, stands
// behind a colon; behind an IPv6 address only with brackets. The name comes
// without them.
func ParseHost(host string) (name, port string, ok bool) {
	if inside, bracketed := strings.CutPrefix(host, "["); bracketed {
		name, rest, closed := strings.Cut(inside, "]")
		port, hasPort := strings.CutPrefix(rest, ":")
		return name, port, closed && isIPv6(name) && (rest == "" || (hasPort && isPort(port)))
	}
	if isIPv6(host) {
		return host, "", true
	}
	name, port, hasPort := strings.Cut(host, ":")
	return name, port, name != "" && !strings.ContainsAny(name, "/\\ @[]%") && (!hasPort || isPort(port))
}

func isIPv6(text string) bool {
	address, err := netip.ParseAddr(text)
	return err == nil && address.Is6()
}

func isPort(text string) bool {
	port, err := strconv.ParseUint(text, 10, 16)
	return err == nil && port > 0
}

// InURL writes a host's name as an URL has it: an IPv6 address in brackets, and
// its zone escaped.
func InURL(name string) string {
	if !strings.Contains(name, ":") {
		return name
	}
	return "[" + strings.ReplaceAll(name, "%", "%25") + "]"
}
