package source

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"

	"check_exchange_authcert/plugin/authcert"
)

// ldapAuthConfig reads the attributes of an msExchAuthAuthConfig object. It is
// nil when they may not be read: an object that names neither a certificate nor
// the service, which setup writes, is one whose properties are hidden.
func ldapAuthConfig(entry *ldap.Entry) (*authcert.AuthConfig, error) {
	values := entry.GetAttributeValues("msExchAuthCertificateThumbprint")
	service := entry.GetAttributeValue("msExchAuthApplicationIdentifier")
	if len(values) == 0 && service == "" {
		return nil, nil
	}
	config := &authcert.AuthConfig{ServiceName: service, Realm: entry.GetAttributeValue("msExchAuthRealm")}
	if err := ldapThumbprints(config, values); err != nil {
		return nil, err
	}
	for _, field := range []struct {
		attribute string
		instant   *authcert.Instant
	}{
		{"msExchAuthNextEffectiveDate", &config.NextCertificateEffectiveDate},
		{"whenChanged", &config.WhenChangedUTC},
	} {
		at, err := generalizedTime(entry.GetAttributeValue(field.attribute))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", field.attribute, err)
		}
		*field.instant = at
	}
	return config, nil
}

// ldapThumbprints reads the values of msExchAuthCertificateThumbprint:
// "0:<current>", "1:<previous>" and "2:<next>", in any order. One value without
// a prefix is the current one. (Exchange itself takes a lone "1:…" or "2:…" for
// the current one; here a prefix means what it says.)
func ldapThumbprints(config *authcert.AuthConfig, values []string) error {
	slots := map[string]*authcert.Thumbprint{
		"0": &config.CurrentCertificateThumbprint,
		"1": &config.PreviousCertificateThumbprint,
		"2": &config.NextCertificateThumbprint,
	}
	taken := map[string]bool{}
	for _, value := range values {
		slot, digits, prefixed := strings.Cut(value, ":")
		if !prefixed && len(values) == 1 {
			slot, digits = "0", value
		} else if slots[slot] == nil || !prefixed {
			return fmt.Errorf("msExchAuthCertificateThumbprint has the value %.60q: want 0:, 1: or 2: and a thumbprint", value)
		}
		if taken[slot] {
			return fmt.Errorf("msExchAuthCertificateThumbprint has two values that begin with %s", slot+":")
		}
		taken[slot] = true
		thumbprint, err := authcert.ParseThumbprint(digits)
		if err != nil {
			return fmt.Errorf("msExchAuthCertificateThumbprint: %w", err)
		}
		*slots[slot] = thumbprint
	}
	return nil
}

// generalizedLayouts are RFC 4517 3.3.13; minutes and seconds may be left out.
var generalizedLayouts = []string{"20060102150405Z0700", "200601021504Z0700", "2006010215Z0700"}

// generalizedTime reads an LDAP time, as in 20261201000000.0Z. None is unknown.
func generalizedTime(text string) (authcert.Instant, error) {
	if text == "" {
		return authcert.Instant{}, nil
	}
	for _, layout := range generalizedLayouts {
		if t, err := time.Parse(layout, text); err == nil {
			return authcert.At(t), nil
		}
	}
	return authcert.Instant{}, fmt.Errorf("%.40q is no time: want one as in 20261201000000.0Z", text)
}

// ldapServer reads an msExchExchangeServer object. Active Directory does not
// hold the server's certificates: it comes without any, and is not readable
// until another way shows some.
func ldapServer(entry *ldap.Entry) authcert.Server {
	return authcert.Server{
		FQDN:                                   cmp.Or(networkName(entry.GetAttributeValues("networkAddress")), entry.GetAttributeValue("cn"), unnamed),
		AdminDisplayVersion:                    exchangeVersion(entry.GetAttributeValue("serialNumber")),
		Site:                                   firstName(entry.GetAttributeValue("msExchServerSite")),
		Role:                                   serverRole(entry.GetAttributeValue("msExchCurrentServerRoles")),
		InternalTransportCertificateThumbprint: derThumbprint(entry.GetRawAttributeValue("msExchServerInternalTLSCert")),
	}
}

// isServerObject tells a server from what lies below one.
func isServerObject(dn string) bool {
	parsed, err := ldap.ParseDN(dn)
	if err != nil || len(parsed.RDNs) < 2 {
		return false
	}
	parent := parsed.RDNs[1].Attributes
	return len(parent) == 1 && strings.EqualFold(parent[0].Type, "CN") && strings.EqualFold(parent[0].Value, "Servers")
}

// networkName takes the DNS name out of networkAddress: "ncacn_ip_tcp:" and the
// name, among other protocols.
func networkName(addresses []string) string {
	for _, address := range addresses {
		protocol, name, ok := strings.Cut(address, ":")
		if ok && strings.EqualFold(protocol, "ncacn_ip_tcp") && isHostName(name) {
			return name
		}
	}
	return ""
}

var hostName = pattern(`^[A-Za-z0-9_]([A-Za-z0-9._-]{0,252}[A-Za-z0-9_])?$`)

func isHostName(name string) bool { return hostName().MatchString(name) }

var serialNumber = pattern(`^Version (\d{1,5})\.(\d{1,5}) \(Build (\d{1,9})((?:\.\d{1,9}){0,2})\)$`)

// exchangeVersion reads serialNumber, "Version 15.2 (Build 32562.17)", as
// Get-ExchangeServer shows it: from version 8 on 30000 is added to the build
// number there, earlier 10000. What it cannot read it leaves as it is.
func exchangeVersion(serial string) string {
	m := serialNumber().FindStringSubmatch(serial)
	if m == nil {
		return serial
	}
	major, majorErr := strconv.Atoi(m[1])
	build, buildErr := strconv.Atoi(m[3])
	if errors.Join(majorErr, buildErr) != nil || major < 8 {
		return serial
	}
	for _, added := range []int{30000, 10000} {
		if build >= added {
			build -= added
			break
		}
	}
	return fmt.Sprintf("Version %s.%s (Build %d%s)", m[1], m[2], build, m[4])
}

// serverRoles are the bits of msExchCurrentServerRoles, the deciding ones
// first: a mailbox server of today has those of its old parts as well.
var serverRoles = []struct {
	bit  int64
	name string
}{
	{2, "mailbox"}, {1, "clientaccess"}, {4, "clientaccess"}, {16384, "clientaccess"}, {64, "edge"}, {32, "hubtransport"}, {16, "unifiedmessaging"}, {4096, "provisionedserver"},
}

// serverRole gives the role's name, and "" when it is not known.
func serverRole(bits string) string {
	value, err := strconv.ParseInt(bits, 10, 64)
	if err != nil {
		return ""
	}
	for _, role := range serverRoles {
		if value&role.bit != 0 {
			return role.name
		}
	}
	return ""
}

// firstName takes "Berlin" out of "CN=Berlin,CN=Sites,CN=Configuration,…".
func firstName(dn string) string {
	parsed, err := ldap.ParseDN(dn)
	if err != nil || len(parsed.RDNs) == 0 || len(parsed.RDNs[0].Attributes) == 0 {
		return ""
	}
	return parsed.RDNs[0].Attributes[0].Value
}

// derThumbprint is the thumbprint of a certificate's bytes; what does not begin
// as DER does is not one.
func derThumbprint(der []byte) authcert.Thumbprint {
	if len(der) == 0 || der[0] != 0x30 {
		return ""
	}
	return authcert.ThumbprintOf(der)
}

// objectGUID writes 16 bytes as Windows does: the first three groups are little
// endian.
func objectGUID(b []byte) string {
	if len(b) != 16 {
		return ""
	}
	return fmt.Sprintf("%x-%x-%x-%x-%x", []byte{b[3], b[2], b[1], b[0]}, []byte{b[5], b[4]}, []byte{b[7], b[6]}, b[8:10], b[10:])
}
