package wsman

import (
	"context"
	"crypto/md5"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/jcmturner/gokrb5/v8/crypto"
	"github.com/jcmturner/gokrb5/v8/iana/chksumtype"
	"github.com/jcmturner/gokrb5/v8/iana/flags"
	"github.com/jcmturner/gokrb5/v8/iana/keyusage"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/types"
)

// kerberos logs on with a service ticket (RFC 4120, 4121, 4559) and verifies that the host holds the service's key.
// It uses gokrb5's messages and ciphers, and not its client: that one (v8.4.4) ignores contexts, drops the KDC's error
// codes, and allocates what a KDC announces.
type kerberos struct {
	target *target
	source ticketSource
	held   credential // the service ticket, after the first logon
}

// credential is a ticket with its session key.
type credential struct {
	ticket messages.Ticket
	key    types.EncryptionKey
	ends   time.Time
}

func newKerberos(t *target) (mechanism, error) {
	source, err := newTicketSource(t)
	if err != nil {
		return nil, err
	}
	return &kerberos{target: t, source: *source}, nil
}

func (k *kerberos) logon(ctx context.Context, l *link) (sealer, error) {
	if k.held.ends.IsZero() {
		held, err := k.source.serviceTicket(ctx)
		if err != nil {
			return nil, err
		}
		k.held = held
	}
	authenticator, token, err := k.request(l)
	if err != nil {
		return nil, fail(StageAuthenticate, ReasonUnsupported, "", "Kerberos: building the logon: %w", err)
	}
	if k.target.Scheme == SchemeNegotiate {
		token = spnegoInit(token)
	}
	r, err := l.post(ctx, request{authorization: string(k.target.Scheme) + " " + base64.StdEncoding.EncodeToString(token), contentType: soapType})
	if err != nil {
		return nil, atLogon(err)
	}
	text, _ := challenge(r.header, k.target.Scheme)
	reply, _ := base64.StdEncoding.DecodeString(text) // an empty reply is judged below
	if r.status == http.StatusUnauthorized && len(reply) > 0 {
		return nil, k.rejected(reply)
	}
	if err := logonStatus(k.target, r); err != nil {
		return nil, err
	}
	seal, err := k.verify(authenticator, reply)
	if err != nil {
		return nil, fail(StageAuthenticate, ReasonMalformed, "the host may not be the one that was meant; check the name, and the service principal name's account",
			"%s has not proved who it is: %w", k.target.addr, err)
	}
	if !k.target.sealed() {
		return nil, nil
	}
	return seal, nil
}

// GSS-API flags of RFC 4121 4.1.1.1: mutual authentication, replay and sequence detection, confidentiality, integrity.
const gssFlags = 2 | 4 | 8 | 16 | 32

// request is the first token of the GSS-API mechanism and the authenticator in it.
func (k *kerberos) request(l *link) (*types.Authenticator, []byte, error) {
	key := k.held.key
	authenticator, err := types.NewAuthenticator(k.source.realm, k.source.client)
	if err != nil {
		return nil, nil, err
	}
	if err := authenticator.GenerateSeqNumberAndSubKey(key.KeyType, keySize(key.KeyType)); err != nil {
		return nil, nil, err
	}
	checksum := binary.LittleEndian.AppendUint32(nil, md5.Size)
	checksum = append(checksum, bindingSum(endPoint(l.tls))...)
	checksum = binary.LittleEndian.AppendUint32(checksum, gssFlags)
	authenticator.Cksum = types.Checksum{CksumType: chksumtype.GSSAPI, Checksum: checksum}
	q, err := messages.NewAPReq(k.held.ticket, key, authenticator)
	if err != nil {
		return nil, nil, err
	}
	types.SetFlag(&q.APOptions, flags.APOptionMutualRequired)
	b, err := q.Marshal()
	if err != nil {
		return nil, nil, err
	}
	return &authenticator, krb5Token(tokenAPReq, b), nil
}

// bindingSum is the MD5 of the gss_channel_bindings_struct of RFC 2744 without addresses; zeros without a binding.
func bindingSum(data []byte) []byte {
	if data == nil {
		return make([]byte, md5.Size)
	}
	b := make([]byte, 16) // two address types and two lengths
	b = binary.LittleEndian.AppendUint32(b, uint32(len(data)))
	sum := md5.Sum(append(b, data...))
	return sum[:]
}

// verify checks the host's answer (AP-REP) against what only the service could decrypt, and starts the sealing.
func (k *kerberos) verify(sent *types.Authenticator, reply []byte) (*kerberosSealer, error) {
	token, err := mechToken(reply)
	if err != nil {
		return nil, err
	}
	id, body, err := parseKrb5Token(token)
	if err != nil {
		return nil, err
	}
	if id != tokenAPRep {
		return nil, errors.New("its answer holds no AP-REP")
	}
	var rep messages.APRep
	if err := guarded(func() error { return rep.Unmarshal(body) }); err != nil {
		return nil, errors.New("its AP-REP cannot be read")
	}
	plain, err := decrypt(k.held.key, rep.EncPart.Cipher, keyusage.AP_REP_ENCPART)
	if err != nil {
		return nil, errors.New("its AP-REP was made with another key")
	}
	var part messages.EncAPRepPart
	if err := guarded(func() error { return part.Unmarshal(plain) }); err != nil {
		return nil, errors.New("its AP-REP cannot be read")
	}
	if part.CTime.Unix() != sent.CTime.Unix() || part.Cusec != sent.Cusec {
		return nil, errors.New("its AP-REP answers another request")
	}
	key, acceptor := sent.SubKey, false
	if len(part.Subkey.KeyValue) > 0 {
		key, acceptor = part.Subkey, true
	}
	return newKerberosSealer(key, acceptor, uint64(sent.SeqNumber), uint64(uint32(part.SequenceNumber)))
}

// rejected is the error in a token that came with a 401: a KRB-ERROR where the host sends one.
func (k *kerberos) rejected(reply []byte) error {
	token, err := mechToken(reply)
	if err != nil {
		return refused(k.target)
	}
	id, body, err := parseKrb5Token(token)
	var e messages.KRBError
	if err != nil || id != tokenError || guarded(func() error { return e.Unmarshal(body) }) != nil {
		return refused(k.target)
	}
	return krbError(StageAuthenticate, k.target.addr, &e)
}

// guarded keeps a panic in gokrb5's parsers (v8.4.4) on bytes from outside from ending the program.
func guarded(parse func() error) (err error) {
	defer func() {
		if recover() != nil {
			err = errors.New("it cannot be taken apart")
		}
	}()
	return parse()
}

// decrypt checks the length first, because gokrb5 v8.4.4 slices the ciphertext without looking.
func decrypt(key types.EncryptionKey, cipher []byte, usage uint32) ([]byte, error) {
	etype, err := crypto.GetEtype(key.KeyType)
	if err != nil {
		return nil, err
	}
	if least := etype.GetConfounderByteSize() + etype.GetHMACBitLength()/8; len(cipher) < least {
		return nil, fmt.Errorf("%d bytes of at least %d", len(cipher), least)
	}
	return etype.DecryptMessage(key.KeyValue, cipher, usage)
}
