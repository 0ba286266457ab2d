package source

import (
	"cmp"
	"crypto/tls"
	"encoding/pem"
	"io"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"

	"check_exchange_authcert/plugin/wsman/wsmantest"
)

// directoryServer is a directory on loopback, written from RFC 4511 and RFC 2696 as
// far as it is asked: bind (simple, and GSS-SPNEGO with Kerberos and NTLM, over
// TLS with channel bindings only), StartTLS, and searches for a class, page by
// page.
type directoryServer struct {
	listener net.Listener
	tls      *tls.Config
	ca       string // the file
	realm    *wsmantest.Realm
	entries  []directoryEntry

	mu       sync.Mutex
	faults   map[string]*directoryFault // by request: "connect", "starttls", "bind" or "search"
	asked    map[string]bool            // attributes
	requests map[string]int
	before   func(request string) // called before each is answered; nil: not
}

type directoryEntry struct {
	dn         string
	attributes map[string][]string
}

// directoryFault is what is done instead of answering.
type directoryFault struct {
	hang bool    // nothing, until the client gives up
	drop bool    // the connection ends
	send []byte  // these bytes, as they are
	code uint16  // a result
	kind ber.Tag // of the result, where it is not the request's own
	text string  // its text
	flow bool    // bytes of one answer without end

	crowd bool // entries with very many values
}

const (
	ldapSPN      = "ldap/localhost"
	ldapPassword = "Geheim-17"
)

// startLDAP serves until the test ends, with TLS from the start if secure.
func startLDAP(t testing.TB, secure bool, entries ...directoryEntry) *directoryServer {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return serveLDAP(t, listener, secure, entries...)
}

// serveLDAP does so where it is told to listen.
func serveLDAP(t testing.TB, listener net.Listener, secure bool, entries ...directoryEntry) *directoryServer {
	t.Helper()
	web := httptest.NewTLSServer(nil) // for its certificate
	certificate, der := web.TLS.Certificates[0], web.Certificate().Raw
	web.Close()
	s := &directoryServer{listener: listener, entries: entries, tls: &tls.Config{Certificates: []tls.Certificate{certificate}}, asked: map[string]bool{}, requests: map[string]int{}}
	s.ca = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(s.ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	s.realm = wsmantest.StartRealm(t, "EXAMPLE.TEST")
	s.realm.AddUser("monitor", ldapPassword)
	s.realm.AddService(ldapSPN)
	t.Cleanup(func() { s.listener.Close() })
	go func() {
		for {
			conn, err := s.listener.Accept()
			if err != nil {
				return
			}
			go s.serve(conn, secure)
		}
	}()
	return s
}

func (s *directoryServer) port() string { return strconv.Itoa(s.listener.Addr().(*net.TCPAddr).Port) }

// fail has every such request fail.
func (s *directoryServer) fail(request string, fault directoryFault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = map[string]*directoryFault{request: &fault}
}

func (s *directoryServer) count(request string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests[request]
}

// directoryClient is one connection.
type directoryClient struct {
	*directoryServer
	net.Conn
	logon   *wsmantest.Logon // SASL's, from its first token on
	session *wsmantest.Session
	opened  []byte // unsealed and not yet read
	bound   bool
}

func (s *directoryServer) serve(conn net.Conn, secure bool) {
	c := &directoryClient{directoryServer: s, Conn: conn}
	defer func() { c.Conn.Close() }()
	if !c.fault("connect", 0) {
		return
	}
	if secure {
		c.Conn = tls.Server(conn, s.tls)
	}
	for {
		request, err := ber.ReadPacket(c)
		if err != nil || len(request.Children) < 2 {
			return
		}
		if !c.answer(request.Children[0].Value.(int64), request.Children[1], request) {
			return
		}
	}
}

// fault interferes with a request; false ends the connection.
func (c *directoryClient) fault(request string, id int64) bool {
	c.mu.Lock()
	c.requests[request]++
	f, before := c.faults[request], c.before
	c.mu.Unlock()
	if before != nil {
		before(request)
	}
	switch {
	case f == nil:
		return true
	case f.hang:
		io.Copy(io.Discard, c.Conn)
	case f.flow:
		c.Write([]byte{0x30, 0x84, 0x7f, 0xff, 0xff, 0xff, 0x04, 0x84, 0x7f, 0xff, 0xff, 0xf0})
		for {
			if _, err := c.Write(make([]byte, 64<<10)); err != nil {
				return false
			}
		}
	case f.crowd:
		for range 200 { // 12 MB
			if _, err := c.Write(crowdedEntry(id)); err != nil {
				return false
			}
		}
	case f.send != nil:
		c.Write(f.send)
	case !f.drop:
		tags := map[string]ber.Tag{"starttls": ldap.ApplicationExtendedResponse, "bind": ldap.ApplicationBindResponse, "search": ldap.ApplicationSearchResultDone}
		c.send(id, ldapResultOf(cmp.Or(f.kind, tags[request]), f.code, f.text))
		io.Copy(io.Discard, c.Conn)
	}
	return false
}
