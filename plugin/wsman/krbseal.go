package wsman

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/jcmturner/gokrb5/v8/crypto"
	"github.com/jcmturner/gokrb5/v8/crypto/etype"
	"github.com/jcmturner/gokrb5/v8/iana/keyusage"
	"github.com/jcmturner/gokrb5/v8/types"
)

// kerberosSealer is the Wrap token of RFC 4121 4.2 with confidentiality, split as Windows splits it: the token's header,
// the bytes that are rotated to its front and the encrypted confounder are the signature (60 bytes with AES and
// SHA-1), the rest is the data.
type kerberosSealer struct {
	etype    etype.EType
	key      []byte
	acceptor bool // the key is the acceptor's subkey
	out, in  uint64
}

// Flags and length of a Wrap token's header.
const (
	wrapByAcceptor     = 1
	wrapSealed         = 2
	wrapAcceptorSubkey = 4
	wrapHeader         = 16
)

// aesTypes are the encryption types that are spoken, the strongest of the common ones first. RC4's tokens are others
// (RFC 4757), and it is refused.
var aesTypes = []int32{18, 17, 20, 19}

func isAES(id int32) bool { return id >= 17 && id <= 20 }

// keySize is a key's length in bytes. gokrb5's GetKeyByteSize (v8.4.4) says 24 for type 20, whose keys have 32.
func keySize(id int32) int {
	if id == 18 || id == 20 {
		return 32
	}
	return 16
}

func newKerberosSealer(key types.EncryptionKey, acceptor bool, out, in uint64) (*kerberosSealer, error) {
	e, err := crypto.GetEtype(key.KeyType)
	if err != nil || !isAES(key.KeyType) {
		return nil, fmt.Errorf("its key is of the type %d, not AES", key.KeyType)
	}
	if len(key.KeyValue) != keySize(key.KeyType) {
		return nil, fmt.Errorf("its key has %d bytes", len(key.KeyValue))
	}
	return &kerberosSealer{etype: e, key: key.KeyValue, acceptor: acceptor, out: out, in: in}, nil
}

func (s *kerberosSealer) header(flags byte, extra, rotation uint16, seq uint64) []byte {
	if s.acceptor {
		flags |= wrapAcceptorSubkey
	}
	h := []byte{5, 4, flags | wrapSealed, 0xff}
	h = binary.BigEndian.AppendUint16(h, extra)
	h = binary.BigEndian.AppendUint16(h, rotation)
	return binary.BigEndian.AppendUint64(h, seq)
}

func (s *kerberosSealer) seal(message []byte) (signature, data []byte, err error) {
	// The header goes into the ciphertext with its rotation count still zero.
	plain := append(bytes.Clone(message), s.header(0, 0, 0, s.out)...)
	_, cipher, err := s.etype.EncryptMessage(s.key, plain, keyusage.GSSAPI_INITIATOR_SEAL)
	if err != nil {
		return nil, nil, err
	}
	confounder := s.etype.GetConfounderByteSize()
	rotation := wrapHeader + s.etype.GetHMACBitLength()/8
	tail := len(cipher) - rotation
	signature = append(s.header(0, 0, uint16(rotation), s.out), cipher[tail:]...)
	signature = append(signature, cipher[:confounder]...)
	s.out++
	return signature, cipher[confounder:tail], nil
}

func (s *kerberosSealer) unseal(signature, data []byte) ([]byte, error) {
	token := append(bytes.Clone(signature), data...)
	confounder, mac := s.etype.GetConfounderByteSize(), s.etype.GetHMACBitLength()/8
	if len(token) < wrapHeader+confounder+wrapHeader+mac {
		return nil, fmt.Errorf("a Wrap token of %d bytes", len(token))
	}
	head, cipher := token[:wrapHeader], token[wrapHeader:]
	extra, rotation := binary.BigEndian.Uint16(head[4:]), binary.BigEndian.Uint16(head[6:])
	want := s.header(wrapByAcceptor, extra, rotation, s.in)
	if !bytes.Equal(head, want) {
		return nil, fmt.Errorf("a Wrap token with the header %x, want %x", head, want)
	}
	turn := int(rotation) % len(cipher)
	cipher = append(bytes.Clone(cipher[turn:]), cipher[:turn]...)
	plain, err := s.etype.DecryptMessage(s.key, cipher, keyusage.GSSAPI_ACCEPTOR_SEAL)
	if err != nil {
		return nil, errors.New("its checksum does not match")
	}
	end := len(plain) - wrapHeader
	inner := s.header(wrapByAcceptor, extra, 0, s.in)
	if end < int(extra) || !bytes.Equal(plain[end:], inner) {
		return nil, errors.New("the header in the Wrap token is not the one before it")
	}
	s.in++
	return plain[:end-int(extra)], nil
}
