package source

import (
	"encoding/binary"
	"io"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"

	"check_exchange_authcert/plugin/wsman"
)

// stageBind is the stage of the logon.
const stageBind = "logging on"

// bindRequest is RFC 4511 4.2, version 3.
func bindRequest(name string, authentication *ber.Packet) *ber.Packet {
	request := ber.Encode(ber.ClassApplication, ber.TypeConstructed, ldap.ApplicationBindRequest, nil, "")
	request.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, 3, ""))
	request.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, name, ""))
	request.AppendChild(authentication)
	return request
}

// simpleBind sends name and password, which is why there has to be verified
// TLS.
func (d *directory) simpleBind(account Credentials) error {
	password := ber.NewString(ber.ClassContext, ber.TypePrimitive, 0, account.password, "")
	if _, err := d.wire.exchange(bindRequest(account.account(), password), ldap.ApplicationBindResponse); err != nil {
		return d.problem(stageBind, err)
	}
	return nil
}

// maxSteps is more than any logon takes: NTLM has two.
const maxSteps = 4

// saslBind logs on with Kerberos or NTLM: by SASL's mechanism GSS-SPNEGO, which
// Active Directory has for both, and in which the logon itself settles whether
// messages are sealed.
func (d *directory) saslBind(l LDAP) error {
	logon, err := wsman.NewLogon(wsman.LogonConfig{
		Service: "ldap", Host: d.host, Auth: l.Auth,
		Username: l.Account.Username, Domain: l.Account.Domain, Password: l.Account.Secret(), Kerberos: l.Kerberos,
	})
	if err != nil {
		return d.problem(stageBind, err)
	}
	token, err := logon.Start(d.ctx, d.tls)
	for range maxSteps {
		if err != nil {
			return d.problem(stageBind, err)
		}
		answer, bindErr := d.wire.exchange(bindRequest("", saslCredentials(token)), ldap.ApplicationBindResponse)
		more := ldap.IsErrorWithCode(bindErr, ldap.LDAPResultSaslBindInProgress)
		if bindErr != nil && !more {
			return d.problem(stageBind, bindErr)
		}
		token, err = logon.Continue(serverCredentials(answer))
		if err == nil && !more && token == nil {
			d.wire.seal(logon)
			return nil
		}
		if err == nil && more == (token == nil) {
			err = errNotLDAP
		}
	}
	return d.problem(stageBind, errNotLDAP)
}

func saslCredentials(token []byte) *ber.Packet {
	sasl := ber.Encode(ber.ClassContext, ber.TypeConstructed, 3, nil, "")
	sasl.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, "GSS-SPNEGO", ""))
	sasl.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, string(token), ""))
	return sasl
}

// serverCredentials are the server's token in an answer to a bind, if it has
// one.
func serverCredentials(answer *ber.Packet) []byte {
	for _, field := range answer.Children {
		if field.ClassType == ber.ClassContext && field.Tag == 7 {
			return field.Data.Bytes()
		}
	}
	return nil
}

// seal lets everything from here on go through the logon's protection.
func (w *ldapWire) seal(logon *wsman.Logon) {
	if logon.Sealed() {
		w.logon = logon
	}
}

// maxSealed is how much is sealed at once, in bytes; Windows takes 64 KiB and
// more.
const maxSealed = 32 << 10

// Write sends a message, sealed if the logon said so: RFC 4422 3.7, a length
// before each piece.
func (w *ldapWire) Write(p []byte) (int, error) {
	if w.logon == nil {
		return w.Conn.Write(p)
	}
	written := 0
	for written < len(p) {
		piece := p[written:min(len(p), written+maxSealed)]
		token, err := w.logon.Seal(piece)
		if err != nil {
			return written, err
		}
		if _, err := w.Conn.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(token))), token...)); err != nil {
			return written, err
		}
		written += len(piece)
	}
	return written, nil
}

// unseal reads the next sealed piece.
func (w *ldapWire) unseal() error {
	var head [4]byte
	if _, err := io.ReadFull(receiver{w}, head[:]); err != nil {
		return err
	}
	size := int64(binary.BigEndian.Uint32(head[:]))
	if size > w.left {
		return w.fail(errTooMuch)
	}
	token := make([]byte, size)
	if _, err := io.ReadFull(receiver{w}, token); err != nil {
		return err
	}
	w.opened, w.failed = w.logon.Unseal(token)
	return w.failed
}

// receiver reads a wire's network bytes.
type receiver struct{ wire *ldapWire }

func (r receiver) Read(p []byte) (int, error) { return r.wire.receive(p) }
