package source

import (
	"context"
	"crypto/tls"
	"net"
	"net/url"
	"strings"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"

	"check_exchange_authcert/plugin/authcert"
	"check_exchange_authcert/plugin/wsman"
)

// directory is one bound connection to a domain controller.
type directory struct {
	ctx  context.Context // go-ldap v3.4.15 knows no contexts: its end ends what waits on the connection
	name string          // host:port
	host string
	user string // who asks, for remedies
	wire *ldapWire
	tls  *tls.ConnectionState // nil: no TLS
	conn *ldap.Conn           // after the bind
	stop func() bool
}

// open connects, secures the connection and binds. Logon and StartTLS are done
// here, before go-ldap takes over: it has no signing and no channel bindings,
// and its StartTLS no context.
func (l LDAP) open(ctx context.Context, address string) (*directory, error) {
	target, err := ldapTarget(address)
	if err != nil {
		return nil, err
	}
	if err := l.allowed(target); err != nil {
		return nil, err
	}
	d := &directory{ctx: ctx, name: target.Host, host: target.Hostname(), user: l.Account.account()}
	raw, err := (&net.Dialer{}).DialContext(ctx, "tcp", d.name)
	if err != nil {
		return nil, d.problem("connecting", err)
	}
	d.stop = context.AfterFunc(ctx, func() {
		raw.SetDeadline(time.Unix(1, 0)) //nolint:errcheck // it fails on a closed connection only
	})
	d.wire = &ldapWire{Conn: raw, left: maxBeforeBind}
	if err := l.enter(d, target.Scheme); err != nil {
		d.close()
		return nil, err
	}
	d.wire.left = maxLDAP
	d.conn = ldap.NewConn(d.wire, d.tls != nil)
	d.conn.Start()
	return d, nil
}

// Largest sums of what one domain controller may send, in bytes: until it has
// proved who it is, and altogether. A thousand servers are some 3 MiB.
const (
	maxBeforeBind = 256 << 10
	maxLDAP       = 16 << 20
)

// enter secures the connection and logs on.
func (l LDAP) enter(d *directory, scheme string) error {
	simple := l.Auth == wsman.AuthBasic
	if scheme == "ldap" && simple {
		if err := d.startTLS(); err != nil {
			return err
		}
	}
	if scheme == "ldaps" || simple {
		if err := d.handshake(l.TLS); err != nil {
			return err
		}
	}
	if simple {
		return d.simpleBind(l.Account)
	}
	return d.saslBind(l)
}

// ldapTarget reads an URL and gives it a port.
func ldapTarget(address string) (*url.URL, error) {
	const want = "Give it as ldaps://dc01.contoso.com or ldap://dc01.contoso.com:389"
	target, err := url.Parse(address)
	isHost := false
	if err == nil {
		var name string
		name, _, isHost = ParseHost(target.Host)
		isHost = isHost && name == target.Hostname() // the parser takes "::1" for a host and a port
	}
	if !isHost || (target.Scheme != "ldap" && target.Scheme != "ldaps") ||
		strings.Trim(target.Path, "/") != "" || target.RawQuery != "" || target.Fragment != "" {
		return nil, ldapSetting("that is no URL of a domain controller", want) // an URL may hold a password: it is not repeated
	}
	if target.User != nil {
		return nil, ldapSetting("the URL of "+target.Hostname()+" holds a user", "Name the account with --username or --credentials")
	}
	port := target.Port()
	if port == "" {
		port = map[string]string{"ldap": ldap.DefaultLdapPort, "ldaps": ldap.DefaultLdapsPort}[target.Scheme]
	}
	target.Host = net.JoinHostPort(target.Hostname(), port)
	return target, nil
}

// Check says what is wrong with the settings before anything is sent.
func (l LDAP) Check() error {
	for _, address := range l.URLs {
		target, err := ldapTarget(address)
		if err == nil {
			err = l.allowed(target)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// allowed refuses what would give a password away, or could be read by others.
func (l LDAP) allowed(target *url.URL) error {
	switch {
	case l.Auth == wsman.AuthBasic && l.TLS.Insecure:
		return ldapSetting("a simple bind sends the password itself, and the server would not be verified", "Name the CA with --ca-file, or log on with Kerberos or NTLM")
	case l.Auth == wsman.AuthBasic && (l.Account.Username == "" || !l.Account.HasPassword()):
		return ldapSetting("a simple bind needs an account and a password, and an anonymous one is never tried", "Name them with --credentials")
	case target.Scheme == "ldap" && l.TLS.Insecure:
		return ldapSetting("--insecure goes with ldaps:// only", "Leave it out")
	}
	return nil
}

func ldapSetting(message, hint string) error {
	return &authcert.Problem{Stage: "preparing LDAP", Reason: authcert.Unsupported, Message: message, Hint: hint}
}

// startTLS asks for TLS (RFC 4511 4.14).
func (d *directory) startTLS() error {
	request := ber.Encode(ber.ClassApplication, ber.TypeConstructed, ldap.ApplicationExtendedRequest, nil, "")
	request.AppendChild(ber.NewString(ber.ClassContext, ber.TypePrimitive, 0, "1.3.6.1.4.1.1466.20037", ""))
	if _, err := d.wire.exchange(request, ldap.ApplicationExtendedResponse); err != nil {
		return d.problem("asking for TLS", err)
	}
	return nil
}

func (d *directory) handshake(settings wsman.TLS) error {
	config, err := settings.ClientConfig(d.host)
	if err != nil {
		return d.problem("preparing TLS", err)
	}
	conn := tls.Client(d.wire.Conn, config)
	if err := conn.HandshakeContext(d.ctx); err != nil {
		return d.problem("the TLS handshake", err)
	}
	state := conn.ConnectionState()
	d.tls, d.wire.Conn = &state, conn
	return nil
}

// close ends the connection; the domain controller ends the session with it.
func (d *directory) close() {
	if d.conn != nil {
		d.conn.Close()
	}
	d.wire.Close()
	d.stop()
}
