package wsmantest

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	krbasn1 "github.com/jcmturner/gofork/encoding/asn1"
	"github.com/jcmturner/gokrb5/v8/crypto"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/types"
)

// Realm is a Kerberos realm with one KDC on loopback, over TCP.
type Realm struct {
	Name string

	// Refuse, when set, is asked before each request is answered: 0 leaves it alone, another number is the error sent,
	// Hang leaves it without an answer. The kind is "as", "preauth" (an AS request with the encrypted time) or "tgs".
	// It is set before accounts are added: the realm runs already.
	Refuse func(kind string, count int) int32

	// NonceShift is added to the nonce in the KDC's answers, as in an answer to another request.
	NonceShift int

	listener net.Listener
	closing  context.Context
	mu       sync.Mutex
	keys     map[string]types.EncryptionKey
	counts   map[string]int
}

// Hang is Refuse's answer for a KDC that never answers.
const Hang int32 = -1

// StartRealm runs a KDC until the test ends.
func StartRealm(t testing.TB, name string) *Realm {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closing, end := context.WithCancel(context.Background())
	r := &Realm{Name: name, listener: l, closing: closing, keys: map[string]types.EncryptionKey{}, counts: map[string]int{}}
	r.AddService("krbtgt/" + name)
	go r.serve()
	t.Cleanup(func() {
		end()
		l.Close()
	})
	return r
}

// KDC is the KDC's host:port.
func (r *Realm) KDC() string { return r.listener.Addr().String() }

// AddUser adds an account with a password.
func (r *Realm) AddUser(name, password string) {
	key, _, err := crypto.GetKeyFromPassword(password, parseName(name), r.Name, 18, types.PADataSequence{})
	if err != nil {
		panic(err) // the encryption type is known
	}
	r.add(name, key)
}

// AddService adds an account with a random key.
func (r *Realm) AddService(spn string) { r.add(spn, randomKey()) }

func (r *Realm) add(name string, key types.EncryptionKey) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.keys[name] = key
}

func (r *Realm) key(name string) (types.EncryptionKey, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	key, ok := r.keys[name]
	return key, ok
}

// Count is how many requests of a kind ("as", "preauth", "tgs") have come.
func (r *Realm) Count(kind string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.counts[kind]
}

func parseName(name string) types.PrincipalName {
	return types.PrincipalName{NameType: 1, NameString: strings.Split(name, "/")}
}

func (r *Realm) serve() {
	for {
		conn, err := r.listener.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			stop := context.AfterFunc(r.closing, func() { conn.Close() })
			defer stop()
			var size uint32
			if err := binary.Read(conn, binary.BigEndian, &size); err != nil {
				return
			}
			request := make([]byte, min(size, 1<<20))
			if _, err := io.ReadFull(conn, request); err != nil {
				return
			}
			reply := r.answer(request)
			if reply == nil {
				io.Copy(io.Discard, conn) // until the client gives up
				return
			}
			conn.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(reply))), reply...))
		}()
	}
}

// answer is nil when there shall be none.
func (r *Realm) answer(request []byte) []byte {
	var as messages.ASReq
	var tgs messages.TGSReq
	switch {
	case as.Unmarshal(request) == nil:
		kind := "as"
		if as.PAData.Contains(2) {
			kind = "preauth"
		}
		if code := r.refuse(kind); code != 0 {
			return r.failure(code, nil)
		}
		return r.initial(as)
	case tgs.Unmarshal(request) == nil:
		if code := r.refuse("tgs"); code != 0 {
			return r.failure(code, nil)
		}
		return r.service(tgs)
	}
	return r.failure(60, nil)
}

func (r *Realm) refuse(kind string) int32 {
	r.mu.Lock()
	r.counts[kind]++
	count, refuse := r.counts[kind], r.Refuse
	r.mu.Unlock()
	if refuse == nil {
		return 0
	}
	return refuse(kind, count)
}

// failure is a KRB-ERROR. The time in it is an hour off for error 37, clock skew.
func (r *Realm) failure(code int32, data []byte) []byte {
	if code == Hang {
		return nil
	}
	e := messages.NewKRBError(parseName("krbtgt/"+r.Name), r.Name, code, "")
	e.EData = data
	if code == 37 {
		e.STime = e.STime.Add(time.Hour)
	}
	b, err := e.Marshal()
	if err != nil {
		return nil
	}
	return b
}

// initial answers an AS request (RFC 4120 3.1.3); the encrypted time is always demanded.
func (r *Realm) initial(q messages.ASReq) []byte {
	key, ok := r.key(q.ReqBody.CName.PrincipalNameString())
	if !ok || q.ReqBody.Realm != r.Name {
		return r.failure(6, nil)
	}
	stamped := false
	for _, pa := range q.PAData {
		if pa.PADataType != 2 {
			continue
		}
		var sealed types.EncryptedData
		if sealed.Unmarshal(pa.PADataValue) != nil {
			return r.failure(24, nil)
		}
		plain, err := crypto.DecryptEncPart(sealed, key, 1)
		var stamp types.PAEncTSEnc
		if err != nil || stamp.Unmarshal(plain) != nil {
			return r.failure(24, nil)
		}
		if time.Since(stamp.PATimestamp).Abs() > 5*time.Minute {
			return r.failure(37, nil)
		}
		stamped = true
	}
	if !stamped {
		return r.failure(25, r.hints(q.ReqBody.CName))
	}
	tgt, part := r.mint(q.ReqBody.CName, parseName("krbtgt/"+r.Name), time.Hour)
	rep := messages.ASRep{KDCRepFields: r.reply(11, q.ReqBody, tgt)}
	return r.seal(&rep.EncPart, part, q.ReqBody.Nonce, key, 3, rep.Marshal)
}

// hints are the methods of preauthentication: RC4 first, as old accounts have it, then AES with its salt.
func (r *Realm) hints(client types.PrincipalName) []byte {
	info, err := krbasn1.Marshal(types.ETypeInfo2{
		{EType: 23, Salt: "unused"},
		{EType: 18, Salt: client.GetSalt(r.Name), S2KParams: []byte{0, 0, 0x10, 0}},
	})
	if err != nil {
		return nil
	}
	b, err := krbasn1.Marshal(types.PADataSequence{{PADataType: 2}, {PADataType: 19, PADataValue: info}})
	if err != nil {
		return nil
	}
	return b
}

// service answers a TGS request (RFC 4120 3.3.3).
func (r *Realm) service(q messages.TGSReq) []byte {
	key, _ := r.key("krbtgt/" + r.Name)
	var ap messages.APReq
	for _, pa := range q.PAData {
		if pa.PADataType == 1 && ap.Unmarshal(pa.PADataValue) != nil {
			return r.failure(60, nil)
		}
	}
	if ap.Ticket.Decrypt(key) != nil {
		return r.failure(31, nil)
	}
	granting := ap.Ticket.DecryptedEncPart
	if time.Now().After(granting.EndTime) {
		return r.failure(32, nil)
	}
	if ap.DecryptAuthenticator(granting.Key) != nil || !ap.Authenticator.CName.Equal(granting.CName) || ap.Authenticator.CRealm != r.Name {
		return r.failure(31, nil)
	}
	body, err := q.ReqBody.Marshal()
	etype, typeErr := crypto.GetEtype(granting.Key.KeyType)
	if err != nil || typeErr != nil || !etype.VerifyChecksum(granting.Key.KeyValue, body, ap.Authenticator.Cksum.Checksum, 6) {
		return r.failure(41, nil)
	}
	if _, ok := r.key(q.ReqBody.SName.PrincipalNameString()); !ok {
		return r.failure(7, nil)
	}
	q.ReqBody.CName = granting.CName
	ticket, part := r.mint(granting.CName, q.ReqBody.SName, time.Hour)
	rep := messages.TGSRep{KDCRepFields: r.reply(13, q.ReqBody, ticket)}
	return r.seal(&rep.EncPart, part, q.ReqBody.Nonce, granting.Key, 8, rep.Marshal)
}

func (r *Realm) reply(kind int, q messages.KDCReqBody, ticket messages.Ticket) messages.KDCRepFields {
	return messages.KDCRepFields{PVNO: 5, MsgType: kind, CRealm: r.Name, CName: q.CName, Ticket: ticket}
}

func (r *Realm) seal(into *types.EncryptedData, part messages.EncKDCRepPart, nonce int, key types.EncryptionKey, usage uint32, marshal func() ([]byte, error)) []byte {
	part.Nonce = nonce + r.NonceShift
	plain, err := part.Marshal()
	if err != nil {
		return r.failure(60, nil)
	}
	if *into, err = crypto.GetEncryptedData(plain, key, usage, 0); err != nil {
		return r.failure(60, nil)
	}
	b, err := marshal()
	if err != nil {
		return r.failure(60, nil)
	}
	return b
}
