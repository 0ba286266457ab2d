package wsman

import (
	encodingasn1 "encoding/asn1"
	"errors"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// Mechanisms, by object identifier.
var (
	oidSPNEGO  = encodingasn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 2}
	oidKRB5    = encodingasn1.ObjectIdentifier{1, 2, 840, 113554, 1, 2, 2}
	oidMSKRB5  = encodingasn1.ObjectIdentifier{1, 2, 840, 48018, 1, 2, 2} // the number that Windows 2000 cut short
	tagGSS     = asn1.Tag(0x60)                                           // [APPLICATION 0]
	tagContext = func(n uint8) asn1.Tag { return asn1.Tag(n).Constructed().ContextSpecific() }
)

// Kinds of krb5 tokens, RFC 4121 4.1.
const (
	tokenAPReq = 0x0100
	tokenAPRep = 0x0200
	tokenError = 0x0300
)

// krb5Token wraps a Kerberos message as RFC 2743 3.1 wants it.
func krb5Token(id uint16, message []byte) []byte {
	var b cryptobyte.Builder
	b.AddASN1(tagGSS, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(oidKRB5)
		b.AddUint16(id)
		b.AddBytes(message)
	})
	return b.BytesOrPanic()
}

func parseKrb5Token(token []byte) (id uint16, message []byte, err error) {
	s := cryptobyte.String(token)
	var body cryptobyte.String
	var oid encodingasn1.ObjectIdentifier
	if !s.ReadASN1(&body, tagGSS) || !s.Empty() || !body.ReadASN1ObjectIdentifier(&oid) || !oid.Equal(oidKRB5) || !body.ReadUint16(&id) {
		return 0, nil, errors.New("its answer is no Kerberos token")
	}
	return id, body, nil
}

// spnegoInit is a NegTokenInit (RFC 4178 4.2.1) that offers Kerberos and nothing else.
func spnegoInit(token []byte) []byte {
	var b cryptobyte.Builder
	b.AddASN1(tagGSS, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(oidSPNEGO)
		b.AddASN1(tagContext(0), func(b *cryptobyte.Builder) {
			b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1(tagContext(0), func(b *cryptobyte.Builder) {
					b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(oidKRB5) })
				})
				b.AddASN1(tagContext(2), func(b *cryptobyte.Builder) { b.AddASN1OctetString(token) })
			})
		})
	})
	return b.BytesOrPanic()
}

// mechToken is the mechanism's token in a host's answer: the answer itself, or what a NegTokenResp (RFC 4178 4.2.2)
// carries. A host that chose another mechanism than Kerberos is refused.
func mechToken(reply []byte) ([]byte, error) {
	s := cryptobyte.String(reply)
	if !s.PeekASN1Tag(tagContext(1)) {
		return reply, nil
	}
	malformed := errors.New("its SPNEGO answer cannot be read")
	var body, fields, field cryptobyte.String
	if !s.ReadASN1(&body, tagContext(1)) || !s.Empty() || !body.ReadASN1(&fields, asn1.SEQUENCE) || !body.Empty() {
		return nil, malformed
	}
	state, hasState := 0, false
	if !fields.ReadOptionalASN1(&field, &hasState, tagContext(0)) || (hasState && !field.ReadASN1Enum(&state)) {
		return nil, malformed
	}
	var mech encodingasn1.ObjectIdentifier
	var hasMech bool
	if !fields.ReadOptionalASN1(&field, &hasMech, tagContext(1)) || (hasMech && !field.ReadASN1ObjectIdentifier(&mech)) {
		return nil, malformed
	}
	if hasMech && !mech.Equal(oidKRB5) && !mech.Equal(oidMSKRB5) {
		return nil, errors.New("it wants another mechanism than Kerberos: " + cut(mech.String(), 40))
	}
	var token []byte
	var hasToken bool
	if !fields.ReadOptionalASN1OctetString(&token, &hasToken, tagContext(2)) {
		return nil, malformed
	}
	if !hasToken {
		return nil, errors.New("its SPNEGO answer is empty")
	}
	return token, nil
}
