package wsmantest

import (
	"bytes"
	"crypto/hmac"
	"crypto/md5"
	"crypto/rand"
	"crypto/rc4"
	"encoding/binary"
	"fmt"
	"strings"
	"time"
	"unicode/utf16"

	"golang.org/x/crypto/md4"
)

// Message types of MS-NLMP 2.2.1.
const (
	ntlmNegotiate    = 1
	ntlmChallenge    = 2
	ntlmAuthenticate = 3
)

// ntlmType is the type of an NTLM message, 0 if the token is none.
func ntlmType(token []byte) uint32 {
	if len(token) < 16 || string(token[:8]) != "NTLMSSP\x00" {
		return 0
	}
	return binary.LittleEndian.Uint32(token[8:])
}

// Flags of MS-NLMP 2.2.2.5 that the host sets: Unicode, request target, sign, seal, NTLM, always sign, domain target,
// extended session security, target info, version, 128 bits, key exchange, 56 bits.
const ntlmHostFlags = 0x00000001 | 0x4 | 0x10 | 0x20 | 0x200 | 0x8000 | 0x10000 | 0x80000 | 0x800000 | 0x2000000 | 0x20000000 | 0x40000000 | 0x80000000

// ntlmProtect are the flags that ask for signing and sealing; they are set only if the client wants that (MS-NLMP 3.2.5.1.1).
const ntlmProtect = 0x10 | 0x20

// ntlmAcceptor is the host's side of one NTLMv2 logon (MS-NLMP 3.2.5).
type ntlmAcceptor struct {
	options   Options
	negotiate []byte
	challenge []byte
	server    [8]byte // the server challenge
}

func newNTLMAcceptor(o Options, negotiate []byte) *ntlmAcceptor {
	a := &ntlmAcceptor{options: o, negotiate: negotiate}
	rand.Read(a.server[:])
	target := utf16le(o.Domain)
	var info bytes.Buffer
	pair := func(id uint16, value []byte) {
		binary.Write(&info, binary.LittleEndian, []uint16{id, uint16(len(value))})
		info.Write(value)
	}
	pair(2, target)
	pair(1, utf16le("EX01"))
	pair(4, utf16le("contoso.test"))
	pair(3, utf16le("ex01.contoso.test"))
	// FILETIME: 100 ns since 1601.
	pair(7, binary.LittleEndian.AppendUint64(nil, uint64(time.Now().UnixNano()/100+116444736000000000)))
	pair(0, nil)
	const head = 56
	m := append([]byte("NTLMSSP\x00"), ntlmChallenge, 0, 0, 0)
	m = appendField(m, len(target), head)
	unwanted := ntlmProtect &^ binary.LittleEndian.Uint32(negotiate[12:])
	m = binary.LittleEndian.AppendUint32(m, ntlmHostFlags&^o.ChallengeFlags&^unwanted)
	m = append(m, a.server[:]...)
	m = append(m, make([]byte, 8)...)
	m = appendField(m, info.Len(), head+len(target))
	m = append(m, 10, 0, 0x7c, 0x4f, 0, 0, 0, 15) // the version of Windows Server 2022
	a.challenge = append(append(m, target...), info.Bytes()...)
	return a
}

func appendField(m []byte, length, offset int) []byte {
	m = binary.LittleEndian.AppendUint16(m, uint16(length))
	m = binary.LittleEndian.AppendUint16(m, uint16(length))
	return binary.LittleEndian.AppendUint32(m, uint32(offset))
}

// field is a payload of an authenticate message, by the offset of its description.
func field(m []byte, at int) ([]byte, error) {
	length, offset := int(binary.LittleEndian.Uint16(m[at:])), int(binary.LittleEndian.Uint32(m[at+4:]))
	if offset+length > len(m) {
		return nil, fmt.Errorf("%w: a field ends at %d of %d", errRefused, offset+length, len(m))
	}
	return m[offset : offset+length], nil
}

func (a *ntlmAcceptor) authenticate(m, binding []byte) (sealer, error) {
	if len(m) < 88 {
		return nil, errRefused
	}
	fields := map[string][]byte{}
	for name, at := range map[string]int{"response": 20, "domain": 28, "user": 36, "key": 52} {
		value, err := field(m, at)
		if err != nil {
			return nil, err
		}
		fields[name] = value
	}
	user, domain := string(fields["user"]), string(fields["domain"])
	want := string(utf16le(a.options.User))
	if !strings.EqualFold(fromUTF16(user), fromUTF16(want)) || !strings.EqualFold(fromUTF16(domain), a.options.Domain) {
		return nil, fmt.Errorf("%w: unknown account %q of %q", errRefused, fromUTF16(user), fromUTF16(domain))
	}
	hash := md4.New()
	hash.Write(utf16le(a.options.Password))
	owf := mac(hash.Sum(nil), utf16le(strings.ToUpper(fromUTF16(user))), []byte(domain))
	response := fields["response"]
	if len(response) < 16+28 {
		return nil, errRefused // NTLMv1 has 24 bytes
	}
	proof, temp := response[:16], response[16:]
	if !hmac.Equal(proof, mac(owf, a.server[:], temp)) {
		return nil, fmt.Errorf("%w: wrong password", errRefused)
	}
	base := mac(owf, proof)
	flags := binary.LittleEndian.Uint32(m[60:])
	if flags&ntlmNeeded != a.needed() {
		return nil, fmt.Errorf("%w: flags %08x", errRefused, flags)
	}
	session := base
	if flags&0x40000000 != 0 {
		session = make([]byte, 16)
		cipher, err := rc4.NewCipher(base)
		if err != nil || len(fields["key"]) != 16 {
			return nil, errRefused
		}
		cipher.XORKeyStream(session, fields["key"])
	}
	pairs := avPairs(temp[28:])
	if err := a.checkMIC(m, session, pairs); err != nil {
		return nil, err
	}
	if err := a.options.checkBinding(pairs[10], binding); err != nil {
		return nil, err
	}
	return newNTLMSealer(session), nil
}

// ntlmNeeded are the flags that a client may choose and that are looked at: signing and sealing, extended session
// security, 128 bits and key exchange.
const ntlmNeeded = ntlmProtect | 0x80000 | 0x20000000 | 0x40000000

// needed are those that the client has to set, no more and no less.
func (a *ntlmAcceptor) needed() uint32 {
	if a.options.unsealed {
		return ntlmNeeded &^ (ntlmProtect | a.options.ChallengeFlags)
	}
	return ntlmNeeded &^ a.options.ChallengeFlags
}

// checkMIC wants the code over all three messages, since the challenge carried a timestamp (MS-NLMP 3.1.5.1.2).
func (a *ntlmAcceptor) checkMIC(m, session []byte, pairs map[uint16][]byte) error {
	if flags := pairs[6]; len(flags) != 4 || flags[0]&2 == 0 {
		return fmt.Errorf("%w: no MIC", errRefused)
	}
	clean := bytes.Clone(m)
	clear(clean[72:88])
	if !hmac.Equal(m[72:88], mac(session, a.negotiate, a.challenge, clean)) {
		return fmt.Errorf("%w: wrong MIC", errRefused)
	}
	return nil
}

func avPairs(b []byte) map[uint16][]byte {
	pairs := map[uint16][]byte{}
	for len(b) >= 4 {
		id, length := binary.LittleEndian.Uint16(b), int(binary.LittleEndian.Uint16(b[2:]))
		if id == 0 || len(b) < 4+length {
			break
		}
		pairs[id] = b[4 : 4+length]
		b = b[4+length:]
	}
	return pairs
}

// ntlmSealer is session security of MS-NLMP 3.4 with extended session security, 128 bits and key exchange.
type ntlmSealer struct {
	out, in struct {
		sign   []byte
		cipher *rc4.Cipher
		seq    uint32
	}
}

func newNTLMSealer(session []byte) *ntlmSealer {
	s := &ntlmSealer{}
	s.out.sign, s.out.cipher = ntlmKeys(session, "server-to-client")
	s.in.sign, s.in.cipher = ntlmKeys(session, "client-to-server")
	return s
}

func ntlmKeys(session []byte, direction string) ([]byte, *rc4.Cipher) {
	key := func(kind string) []byte {
		sum := md5.Sum(append(bytes.Clone(session), "session key to "+direction+" "+kind+" key magic constant\x00"...))
		return sum[:]
	}
	cipher, err := rc4.NewCipher(key("sealing"))
	if err != nil {
		panic(err) // 16 bytes are always a key
	}
	return key("signing"), cipher
}

func (s *ntlmSealer) seal(message []byte) (signature, data []byte) {
	data = make([]byte, len(message))
	s.out.cipher.XORKeyStream(data, message)
	signature = ntlmSignature(s.out.sign, s.out.cipher, s.out.seq, message)
	s.out.seq++
	return signature, data
}

func (s *ntlmSealer) unseal(signature, data []byte) ([]byte, error) {
	message := make([]byte, len(data))
	s.in.cipher.XORKeyStream(message, data)
	if !hmac.Equal(signature, ntlmSignature(s.in.sign, s.in.cipher, s.in.seq, message)) {
		return nil, errRefused
	}
	s.in.seq++
	return message, nil
}

func ntlmSignature(key []byte, cipher *rc4.Cipher, seq uint32, message []byte) []byte {
	number := binary.LittleEndian.AppendUint32(nil, seq)
	sum := mac(key, number, message)[:8]
	cipher.XORKeyStream(sum, sum)
	return append(append([]byte{1, 0, 0, 0}, sum...), number...)
}

func mac(key []byte, parts ...[]byte) []byte {
	h := hmac.New(md5.New, key)
	for _, part := range parts {
		h.Write(part)
	}
	return h.Sum(nil)
}

func utf16le(text string) []byte {
	var b []byte
	for _, unit := range utf16.Encode([]rune(text)) {
		b = binary.LittleEndian.AppendUint16(b, unit)
	}
	return b
}

func fromUTF16(b string) string {
	units := make([]uint16, len(b)/2)
	for i := range units {
		units[i] = binary.LittleEndian.Uint16([]byte(b[2*i:]))
	}
	return string(utf16.Decode(units))
}
