package wsmantest

import (
	"bytes"
	"crypto/rand"
	"encoding/asn1"
	"encoding/binary"
	"fmt"
	"time"

	krbasn1 "github.com/jcmturner/gofork/encoding/asn1"
	"github.com/jcmturner/gokrb5/v8/asn1tools"
	"github.com/jcmturner/gokrb5/v8/crypto"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/types"
)

var (
	oidSPNEGO = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 2}
	oidKRB5   = asn1.ObjectIdentifier{1, 2, 840, 113554, 1, 2, 2}
)

// negTokenInit and negTokenResp are RFC 4178 4.2.
type negTokenInit struct {
	Mechanisms []asn1.ObjectIdentifier `asn1:"explicit,tag:0"`
	Flags      asn1.BitString          `asn1:"explicit,optional,tag:1"`
	Token      []byte                  `asn1:"explicit,optional,tag:2"`
}

type negTokenResp struct {
	State     asn1.Enumerated       `asn1:"explicit,tag:0"`
	Mechanism asn1.ObjectIdentifier `asn1:"explicit,tag:1"`
	Token     []byte                `asn1:"explicit,tag:2"`
}

// gssToken takes the framing of RFC 2743 3.1 apart.
func gssToken(token []byte) (mechanism asn1.ObjectIdentifier, inner []byte, err error) {
	var outer asn1.RawValue
	if _, err = asn1.Unmarshal(token, &outer); err != nil {
		return nil, nil, err
	}
	if outer.Class != asn1.ClassApplication || outer.Tag != 0 {
		return nil, nil, errRefused
	}
	inner, err = asn1.Unmarshal(outer.Bytes, &mechanism)
	return mechanism, inner, err
}

func frameGSS(mechanism asn1.ObjectIdentifier, inner []byte) []byte {
	oid, err := asn1.Marshal(mechanism)
	if err != nil {
		panic(err) // the identifiers above are valid
	}
	b, err := asn1.Marshal(asn1.RawValue{Class: asn1.ClassApplication, IsCompound: true, Bytes: append(oid, inner...)})
	if err != nil {
		panic(err)
	}
	return b
}

// acceptKerberos judges a token of the client and makes the answer, in SPNEGO if the client's was.
func (o Options) acceptKerberos(token, binding []byte) (sealer, []byte, error) {
	mechanism, inner, err := gssToken(token)
	if err != nil {
		return nil, nil, err
	}
	bare := mechanism.Equal(oidKRB5)
	if mechanism.Equal(oidSPNEGO) {
		var init negTokenInit
		if _, err := asn1.UnmarshalWithParams(inner, &init, "explicit,tag:0"); err != nil {
			return nil, nil, err
		}
		if len(init.Mechanisms) == 0 || !init.Mechanisms[0].Equal(oidKRB5) {
			return nil, nil, errRefused
		}
		if mechanism, inner, err = gssToken(init.Token); err != nil {
			return nil, nil, err
		}
	}
	if !mechanism.Equal(oidKRB5) || !bytes.HasPrefix(inner, []byte{1, 0}) {
		return nil, nil, errRefused
	}
	s, reply, err := o.acceptTicket(inner[2:], binding)
	if err != nil {
		return nil, nil, err
	}
	s.bare = bare
	reply = frameGSS(oidKRB5, append([]byte{2, 0}, reply...))
	if bare {
		return s, reply, nil
	}
	reply, err = asn1.MarshalWithParams(negTokenResp{Mechanism: oidKRB5, Token: reply}, "explicit,tag:1")
	return s, reply, err
}

// acceptTicket verifies an AP-REQ (RFC 4120 3.2.3, RFC 4121 4.1.1) and makes the AP-REP.
func (o Options) acceptTicket(request, binding []byte) (*kerberosSealer, []byte, error) {
	var q messages.APReq
	if err := q.Unmarshal(request); err != nil {
		return nil, nil, err
	}
	if q.APOptions.At(2) != 1 {
		return nil, nil, fmt.Errorf("%w: no mutual authentication wanted", errRefused)
	}
	service, ok := o.Realm.key(o.SPN)
	if !ok || q.Ticket.SName.PrincipalNameString() != o.SPN {
		return nil, nil, fmt.Errorf("%w: a ticket for %s", errRefused, q.Ticket.SName.PrincipalNameString())
	}
	if err := q.Ticket.Decrypt(service); err != nil {
		return nil, nil, err
	}
	ticket := q.Ticket.DecryptedEncPart
	if now := time.Now(); now.After(ticket.EndTime) {
		return nil, nil, fmt.Errorf("%w: the ticket has expired", errRefused)
	}
	if err := q.DecryptAuthenticator(ticket.Key); err != nil {
		return nil, nil, err
	}
	a := q.Authenticator
	if !a.CName.Equal(ticket.CName) || a.CRealm != ticket.CRealm || time.Since(a.CTime).Abs() > 5*time.Minute {
		return nil, nil, fmt.Errorf("%w: the authenticator does not fit the ticket", errRefused)
	}
	sum := a.Cksum.Checksum
	if a.Cksum.CksumType != 0x8003 || len(sum) < 24 || binary.LittleEndian.Uint32(sum) != 16 {
		return nil, nil, fmt.Errorf("%w: checksum %x", errRefused, sum)
	}
	want := uint32(2 | 16 | 32)
	if o.unsealed {
		want = 2
	}
	if flags := binary.LittleEndian.Uint32(sum[20:]); flags&0x32 != want {
		return nil, nil, fmt.Errorf("%w: of mutual, confidentiality and integrity the flags are %x, not %x", errRefused, flags&0x32, want)
	}
	if err := o.checkBinding(sum[4:20], binding); err != nil {
		return nil, nil, err
	}
	return o.acknowledge(ticket.Key, a)
}

func (o Options) acknowledge(key types.EncryptionKey, a types.Authenticator) (*kerberosSealer, []byte, error) {
	s := &kerberosSealer{key: a.SubKey, in: uint64(a.SeqNumber), out: 1<<31 - 1}
	part := messages.EncAPRepPart{CTime: a.CTime, Cusec: a.Cusec, SequenceNumber: int64(s.out)}
	if !o.NoAcceptorSubkey {
		s.acceptor, s.key = true, randomKey()
		part.Subkey = s.key
	}
	plain, err := krbasn1.Marshal(part)
	if err != nil {
		return nil, nil, err
	}
	sealed, err := crypto.GetEncryptedData(asn1tools.AddASNAppTag(plain, 27), key, 12, 0)
	if err != nil {
		return nil, nil, err
	}
	reply, err := krbasn1.Marshal(messages.APRep{PVNO: 5, MsgType: 15, EncPart: sealed})
	return s, asn1tools.AddASNAppTag(reply, 15), err
}

func randomKey() types.EncryptionKey {
	key := types.EncryptionKey{KeyType: 18, KeyValue: make([]byte, 32)}
	rand.Read(key.KeyValue)
	return key
}

// kerberosSealer is the acceptor's side of RFC 4121 4.2.4 with confidentiality.
type kerberosSealer struct {
	key      types.EncryptionKey
	acceptor bool // the key is the acceptor's subkey
	bare     bool // without SPNEGO
	in, out  uint64
}

// wrapToken is the 16 bytes of RFC 4121 4.2.6.2.
type wrapToken struct {
	ID       uint16
	Flags    uint8
	Filler   uint8
	EC, RRC  uint16
	Sequence uint64
}

func (w wrapToken) bytes() []byte {
	var b bytes.Buffer
	binary.Write(&b, binary.BigEndian, w)
	return b.Bytes()
}

func (s *kerberosSealer) flags() uint8 {
	if s.acceptor {
		return 2 | 4
	}
	return 2
}

func (s *kerberosSealer) seal(message []byte) (signature, data []byte) {
	w := wrapToken{ID: 0x0504, Flags: s.flags() | 1, Filler: 0xff, Sequence: s.out}
	s.out++
	ed, err := crypto.GetEncryptedData(append(bytes.Clone(message), w.bytes()...), s.key, 22, 0)
	if err != nil {
		panic(err) // the key is ours
	}
	w.RRC = 28
	at := len(ed.Cipher) - int(w.RRC)
	token := append(w.bytes(), ed.Cipher[at:]...)
	token = append(token, ed.Cipher[:at]...)
	return token[:60], token[60:]
}

func (s *kerberosSealer) unseal(signature, data []byte) ([]byte, error) {
	token := append(bytes.Clone(signature), data...)
	if len(token) < 16+16+16+12 {
		return nil, errRefused
	}
	var w wrapToken
	if err := binary.Read(bytes.NewReader(token), binary.BigEndian, &w); err != nil {
		return nil, err
	}
	if w.ID != 0x0504 || w.Filler != 0xff || w.Flags != s.flags() || w.Sequence != s.in {
		return nil, fmt.Errorf("%w: wrap token %+v", errRefused, w)
	}
	cipher := token[16:]
	at := int(w.RRC) % len(cipher)
	plain, err := crypto.DecryptMessage(append(bytes.Clone(cipher[at:]), cipher[:at]...), s.key, 24)
	if err != nil {
		return nil, err
	}
	w.RRC = 0
	message, ok := bytes.CutSuffix(plain, w.bytes())
	if !ok || len(message) < int(w.EC) {
		return nil, errRefused
	}
	s.in++
	return message[:len(message)-int(w.EC)], nil
}
