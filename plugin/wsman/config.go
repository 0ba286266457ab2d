package wsman

import (
	"net"
	"net/netip"
	"net/url"
	"strings"
)

// Auth is the way to log on. There is no automatic choice.
type Auth string

// The ways to log on.
const (
	AuthKerberos Auth = "kerberos"
	AuthNTLM     Auth = "ntlm"
	AuthBasic    Auth = "basic" // only over https with a verified certificate
)

// Scheme is the word in the Authorization header under which a Kerberos token travels.
type Scheme string

// The schemes. SchemeKerberos is what Exchange's own endpoint wants; it also decides the name of the encryption
// protocol (application/HTTP-Kerberos-session-encrypted) and that the token is not wrapped in SPNEGO.
const (
	SchemeNegotiate Scheme = "Negotiate"
	SchemeKerberos  Scheme = "Kerberos"
)

// Config says where a Conversation leads and how it logs on.
type Config struct {
	// URL is where every message goes: http or https, host, optional port, path.
	URL string
	// Auth must be given.
	Auth Auth
	// Scheme is SchemeNegotiate when empty.
	Scheme Scheme
	// Username is a bare account name, or `user@REALM` for Kerberos, `DOMAIN\user` or `user@domain` for NTLM.
	// With a keytab or a credential cache it may be empty: then it is the principal in there.
	Username string
	// Domain is the Windows domain for NTLM and the realm for Kerberos, if Username does not say it.
	Domain string
	// Password may be empty with a keytab or a credential cache.
	Password Secret
	// Kerberos is for AuthKerberos alone.
	Kerberos Kerberos
	// TLS is for https alone.
	TLS TLS
	// UserAgent is sent with every request; "wsman" when empty.
	UserAgent string
}

// Kerberos says where tickets come from. No file of the system is read unless it is named here.
type Kerberos struct {
	// KDCs are host or host:port (88 when missing), asked in this order over TCP. When empty, those of ConfigFile, else
	// those that the realm's DNS names (_kerberos._tcp).
	KDCs []string
	// Keytab is the path of a keytab with the account's AES keys, used instead of a password.
	Keytab string
	// CCache is the path of a credential cache file, with or without the prefix FILE:, used instead of a password.
	CCache string
	// ConfigFile is the path of a krb5.conf, from which the realm, its KDCs and domain_realm are taken.
	ConfigFile string
	// SPN is the service's name; HTTP/<host of the URL> when empty.
	SPN string
}

// TLS says how the server is verified. TLS 1.2 is the oldest that is spoken.
type TLS struct {
	// CAFile is the path of a PEM file; when given, only its certificates are trusted.
	CAFile string
	// ServerName is the name in the certificate, if it is not the URL's host.
	ServerName string
	// Insecure leaves the certificate unverified. The logon is still bound to it; Basic is refused.
	Insecure bool
}

// target is a Config that has been checked.
type target struct {
	Config
	url  *url.URL
	host string // without port and brackets
	addr string // host:port
}

func (t *target) sealed() bool { return t.url.Scheme == "http" }

func (t *target) protocol() string {
	if t.Scheme == SchemeKerberos {
		return protocolKerberos
	}
	return protocolSPNEGO
}

func newTarget(c Config) (*target, error) {
	u, err := url.Parse(c.URL)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		// The parser's error repeats the URL, which may hold a password.
		return nil, fail(StageConfigure, ReasonUnsupported, "give it as http://host:5985/wsman or https://host:5986/wsman", "not an http or https URL with a host")
	}
	if u.User != nil {
		return nil, fail(StageConfigure, ReasonUnsupported, "give user and password apart from it", "the URL for %s holds a user", u.Hostname())
	}
	u.Fragment = ""
	t := &target{Config: c, url: u, host: strings.TrimSuffix(u.Hostname(), ".")}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	t.addr = net.JoinHostPort(u.Hostname(), port)
	if t.Scheme == "" {
		t.Scheme = SchemeNegotiate
	}
	if t.UserAgent == "" {
		t.UserAgent = "wsman"
	}
	return t, t.check()
}

func (t *target) check() error {
	if t.Scheme != SchemeNegotiate && (t.Scheme != SchemeKerberos || t.Auth != AuthKerberos) {
		return fail(StageConfigure, ReasonUnsupported, "", "the scheme %q does not go with %s logon", t.Scheme, t.Auth)
	}
	switch t.Auth {
	case AuthBasic:
		if t.sealed() || t.TLS.Insecure {
			return fail(StageConfigure, ReasonUnsupported, "use https with a certificate that can be verified, or another logon",
				"Basic sends the password itself, and this connection would not be encrypted or its server not be verified")
		}
		return t.needPassword()
	case AuthNTLM:
		if domain, user, ok := strings.Cut(t.Username, `\`); ok {
			t.Domain, t.Username = domain, user
		} else if strings.Contains(t.Username, "@") {
			t.Domain = "" // as Windows takes a name that says its domain itself
		}
		return t.needPassword()
	case AuthKerberos:
		return t.checkKerberos()
	}
	return fail(StageConfigure, ReasonUnsupported, "", "no such logon: %q", t.Auth)
}

func (t *target) needPassword() error {
	if t.Username == "" || t.Password.Empty() {
		return fail(StageConfigure, ReasonUnsupported, "an anonymous logon is never tried", "%s logon needs a user and a password", t.Auth)
	}
	return nil
}

func (t *target) checkKerberos() error {
	if _, err := netip.ParseAddr(t.host); err == nil && t.Kerberos.SPN == "" {
		return fail(StageConfigure, ReasonUnsupported, "give the host's full DNS name, as in its service principal name", "Kerberos needs a host name, not the address %s", t.host)
	}
	if user, realm, ok := strings.Cut(t.Username, "@"); ok {
		t.Username, t.Domain = user, realm
	}
	if t.Kerberos.ConfigFile == "" {
		t.Domain = strings.ToUpper(t.Domain) // Active Directory's realms are upper case, and people type them in lower case
	}
	if t.Kerberos.SPN == "" {
		t.Kerberos.SPN = "HTTP/" + strings.ToLower(t.host)
	}
	if t.Kerberos.Keytab == "" && t.Kerberos.CCache == "" {
		return t.needPassword()
	}
	return nil
}
