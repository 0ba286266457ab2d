package wsman

import (
	"bytes"
	"crypto/rand"
	encodingasn1 "encoding/asn1"
	"encoding/binary"
	"strings"
	"testing"
	"time"

	"github.com/jcmturner/gofork/encoding/asn1"
	"github.com/jcmturner/gokrb5/v8/asn1tools"
	"github.com/jcmturner/gokrb5/v8/crypto"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/types"
)

func newTestKey(t *testing.T, id int32) types.EncryptionKey {
	t.Helper()
	key := types.EncryptionKey{KeyType: id, KeyValue: make([]byte, keySize(id))}
	rand.Read(key.KeyValue)
	return key
}

// apRep is the host's answer to an authenticator.
func apRep(t *testing.T, key types.EncryptionKey, part messages.EncAPRepPart) []byte {
	t.Helper()
	plain, err := asn1.Marshal(part)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := crypto.GetEncryptedData(asn1tools.AddASNAppTag(plain, 27), key, 12, 0)
	if err != nil {
		t.Fatal(err)
	}
	b, err := asn1.Marshal(messages.APRep{PVNO: 5, MsgType: 15, EncPart: sealed})
	if err != nil {
		t.Fatal(err)
	}
	return krb5Token(tokenAPRep, asn1tools.AddASNAppTag(b, 15))
}

func TestTheAnswerToAnotherLogonIsRefused(t *testing.T) {
	key, now := newTestKey(t, 18), time.Now().UTC().Truncate(time.Second)
	sent := &types.Authenticator{CTime: now, Cusec: 7, SubKey: newTestKey(t, 18), SeqNumber: 5}
	for name, test := range map[string]struct {
		key  types.EncryptionKey
		part messages.EncAPRepPart
		want string // empty: it is accepted
	}{
		"the right one":      {key, messages.EncAPRepPart{CTime: now, Cusec: 7, SequenceNumber: 1}, ""},
		"with a subkey":      {key, messages.EncAPRepPart{CTime: now, Cusec: 7, Subkey: newTestKey(t, 17)}, ""},
		"an older second":    {key, messages.EncAPRepPart{CTime: now.Add(-time.Second), Cusec: 7}, "answers another request"},
		"another fraction":   {key, messages.EncAPRepPart{CTime: now, Cusec: 8}, "answers another request"},
		"another key":        {newTestKey(t, 18), messages.EncAPRepPart{CTime: now, Cusec: 7}, "made with another key"},
		"a subkey of RC4":    {key, messages.EncAPRepPart{CTime: now, Cusec: 7, Subkey: newTestKey(t, 23)}, "not AES"},
		"a subkey too short": {key, messages.EncAPRepPart{CTime: now, Cusec: 7, Subkey: types.EncryptionKey{KeyType: 18, KeyValue: []byte("x")}}, "1 bytes"},
	} {
		k := &kerberos{held: credential{key: key}}
		_, err := k.verify(sent, apRep(t, test.key, test.part))
		if (err == nil) != (test.want == "") || (err != nil && !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%s: got %v, want %q", name, err, test.want)
		}
	}
}

// wrapped is an acceptor's Wrap token with the given filler and rotation, by RFC 4121 4.2.4 and 4.2.5.
func wrapped(t *testing.T, key types.EncryptionKey, message []byte, extra, rotation uint16, seq uint64) []byte {
	t.Helper()
	head := []byte{5, 4, 7, 0xff}
	head = binary.BigEndian.AppendUint16(head, extra)
	inner := binary.BigEndian.AppendUint64(append(bytes.Clone(head), 0, 0), seq)
	plain := append(append(bytes.Clone(message), make([]byte, extra)...), inner...)
	sealed, err := crypto.GetEncryptedData(plain, key, 22, 0)
	if err != nil {
		t.Fatal(err)
	}
	cut := len(sealed.Cipher) - int(rotation)%len(sealed.Cipher)
	outer := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint16(head, rotation), seq)
	return append(append(outer, sealed.Cipher[cut:]...), sealed.Cipher[:cut]...)
}

func TestWrapTokensOfEveryShape(t *testing.T) {
	for _, id := range aesTypes {
		key := newTestKey(t, id)
		for _, length := range []int{0, 1, 15, 16, 17, 4096} {
			message := bytes.Repeat([]byte("m"), length)
			for _, extra := range []uint16{0, 1, 16} {
				for _, rotation := range []uint16{0, 1, 28, 44, 65535} {
					s, err := newKerberosSealer(key, true, 0, 9)
					if err != nil {
						t.Fatal(err)
					}
					token := wrapped(t, key, message, extra, rotation, 9)
					got, err := s.unseal(token[:20], token[20:])
					if err != nil || !bytes.Equal(got, message) {
						t.Errorf("type %d, %d bytes, filler %d, rotation %d: got %d bytes, %v", id, length, extra, rotation, len(got), err)
					}
					if _, err := s.unseal(token[:20], token[20:]); err == nil {
						t.Errorf("type %d: the same token is taken twice", id)
					}
				}
			}
		}
	}
}

func TestChangedWrapTokensAreRefused(t *testing.T) {
	key := newTestKey(t, 18)
	token := wrapped(t, key, []byte("message"), 0, 28, 0)
	for i := range token {
		changed := bytes.Clone(token)
		changed[i] ^= 1
		s, err := newKerberosSealer(key, true, 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.unseal(changed[:60], changed[60:]); err == nil {
			t.Errorf("a token with another byte %d is taken", i)
		}
	}
}

// Windows and MIT Kerberos cut the token after 60 bytes with AES and SHA-1.
func TestTheSignatureIsCutAsWindowsCutsIt(t *testing.T) {
	for id, want := range map[int32]int{17: 60, 18: 60, 19: 64, 20: 72} {
		s, err := newKerberosSealer(newTestKey(t, id), false, 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		signature, data, err := s.seal([]byte("0123456789"))
		if err != nil || len(signature) != want || len(data) != 10 {
			t.Errorf("type %d: got %d and %d bytes, %v, want %d and 10", id, len(signature), len(data), err, want)
		}
	}
}

func TestIterationsAreBounded(t *testing.T) {
	s := &ticketSource{client: types.PrincipalName{NameString: []string{"u"}}, realm: "R", password: NewSecret("p")}
	for params, ok := range map[string]bool{"\x00\x00\x10\x00": true, "\x00\x04\x00\x00": true, "\x00\x04\x00\x01": false, "\xff\xff\xff\xff": false, "\x00\x00\x00\x00": false} {
		_, err := s.derive(types.ETypeInfo2Entry{EType: 18, Salt: "Ru", S2KParams: []byte(params)})
		if (err == nil) != ok {
			t.Errorf("%x: got %v, want success %v", params, err, ok)
		}
	}
}

func TestAnotherMechanismIsRefused(t *testing.T) {
	for name, test := range map[string]struct {
		oid  encodingasn1.ObjectIdentifier
		want bool
	}{
		"Kerberos":          {oidKRB5, true},
		"Windows' Kerberos": {oidMSKRB5, true},
		"NTLM":              {encodingasn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 311, 2, 2, 10}, false},
	} {
		reply, err := encodingasn1.MarshalWithParams(struct {
			Mechanism encodingasn1.ObjectIdentifier `asn1:"explicit,tag:1"`
			Token     []byte                        `asn1:"explicit,tag:2"`
		}{test.oid, []byte("token")}, "explicit,tag:1")
		if err != nil {
			t.Fatal(err)
		}
		token, err := mechToken(reply)
		if (err == nil) != test.want || (test.want && string(token) != "token") {
			t.Errorf("%s: got %q, %v, want success %v", name, token, err, test.want)
		}
	}
}

func TestKeysOtherThanAESAreRefused(t *testing.T) {
	s := &ticketSource{service: types.PrincipalName{NameString: []string{"HTTP", "host"}}}
	for id, want := range map[int32]bool{16: false, 17: true, 18: true, 19: true, 20: true, 23: false} {
		if err := s.usable(credential{key: types.EncryptionKey{KeyType: id}}); (err == nil) != want {
			t.Errorf("type %d: got %v, want success %v", id, err, want)
		}
	}
}

func TestNTLMSignaturesOfAnotherLength(t *testing.T) {
	for _, length := range []int{0, 10, 15, 17, 256} {
		if _, err := (&ntlmSealer{}).unseal(make([]byte, length), []byte("data")); err == nil {
			t.Errorf("a signature of %d bytes is taken", length)
		}
	}
}
