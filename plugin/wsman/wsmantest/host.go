// Package wsmantest is the other side of package wsman for tests: a Windows host that speaks the Windows Remote Shell
// and PowerShell remoting over sealed NTLM and Kerberos, and a Kerberos KDC, both in the test's process on loopback.
//
// Its cryptography and its messages are written from the specifications (MS-NLMP, RFC 4120, RFC 4121, RFC 4178, RFC 5929,
// MS-WSMV, MS-PSRP), not from the client's code. It knows nothing of what is run: a function of the test is handed the
// command line and the standard input, or the cmdlet and its parameters, and returns what that leaves. It must never be linked into a product.
package wsmantest

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// Command is what a client wants to run.
type Command struct {
	Line    string            // command and arguments
	Stdin   io.Reader         // ends when the client ends it, or the command is terminated
	Options map[string]string // the WINRS_ options of the request
	Shell   string            // the Create request's body, as it came
}

// Result is what the command leaves.
type Result struct {
	Stdout, Stderr []byte
	ExitCode       int
}

// Options say what the host is like. The zero value is a host without accounts.
type Options struct {
	// Domain, User and Password are the NTLM (and Basic) account.
	Domain, User, Password string
	// Realm issues the Kerberos tickets; nil when the host takes none.
	Realm *Realm
	// SPN is the host's service in Realm; HTTP/localhost when empty.
	SPN string
	// Offer are the schemes of a 401 answer; Negotiate and Kerberos when nil.
	Offer []string
	// TLS serves https with a certificate for localhost and 127.0.0.1.
	TLS bool
	// RequireBinding refuses a logon over TLS without a channel binding; a wrong one is always refused.
	RequireBinding bool
	// unsealed refuses a logon that wants its messages sealed.
	unsealed bool
	// BlankBoundary writes "-- Encrypted Boundary", as Exchange does.
	BlankBoundary bool
	// Cookie is set with every answer when not empty, and messages after the first must bring it back.
	Cookie string
	// NoAcceptorSubkey makes Kerberos use the client's key for messages.
	NoAcceptorSubkey bool
	// ChallengeFlags are taken out of NTLM's challenge, to play somebody who weakens it.
	ChallengeFlags uint32
	// Chunk is the largest piece of output in one answer, in bytes; 32 KiB when 0.
	Chunk int
	// Fragment is the largest piece of a message of the PowerShell endpoint, in bytes; 32 KiB when 0.
	Fragment int
	// Run plays the commands; nil echoes nothing and exits with 0.
	Run func(Command) Result
	// Cmdlet plays the commands of a PowerShell session without script text, in one call at a time per session. Nil
	// has them return nothing.
	Cmdlet func(Cmdlet) CmdletResult
	// Pool is what becomes of a PowerShell session's runspace pool; nil when it opens.
	Pool *Pool
	// Interfere is asked before each step is answered, with how often that step has come (from 1). Nil leaves it alone.
	Interfere func(step Step, count int) *Interference
}

// Step names what is being answered.
type Step string

// The steps of a conversation. The rest are the names of the operations.
const (
	StepAccept    Step = "accept"    // a TCP connection; only Hang and Drop work
	StepNegotiate Step = "negotiate" // the first message of an NTLM logon
	StepLogon     Step = "logon"     // the last message of a logon
	StepCreate    Step = "Create"
	StepCommand   Step = "Command"
	StepSend      Step = "Send"
	StepReceive   Step = "Receive"
	StepSignal    Step = "Signal"
	StepDelete    Step = "Delete"
)

// Interference changes one answer. Of the fields that are set the first of Late, Hang, Drop, Fault and Status counts.
type Interference struct {
	Hang        bool          // no answer until the client gives up
	Late        time.Duration // Hang, with the operation carried out after this time
	Drop        bool          // the connection ends without an answer
	Fault       *Fault        // a sealed fault with HTTP 500
	Status      int           // an answer in clear, with what follows
	Header      http.Header
	ContentType string
	Body        []byte
	// Rewrite changes the ordinary answer's envelope before it is encrypted.
	Rewrite func([]byte) []byte
	// Mangle changes the bytes of the ordinary answer's body before they are sent.
	Mangle func([]byte) []byte
	// Early sends an answer with status 103 before the ordinary one.
	Early bool
	// Close ends the connection behind the ordinary answer.
	Close bool
	// Clear sends the ordinary answer without encryption.
	Clear bool
}

// Fault is a WS-Management fault.
type Fault struct {
	Code    uint32
	Subcode string // with prefix, as w:TimedOut
	Reason  string
	Message string // Reason when empty
	Machine string // localhost when empty
}

// Stats count what has happened, and what is open.
type Stats struct {
	Requests, Connections, Logons, RefusedLogons int
	ClearBodies, BasicCredentials                int
	Commands                                     int // started so far
	Late                                         int // operations that nobody waited for
	Signals                                      int // that ended a command of a PowerShell session
	OpenShells, RunningCommands                  int // now
}

// Host is a running host.
type Host struct {
	options Options
	server  *httptest.Server
	closing context.Context

	mu     sync.Mutex
	stats  Stats
	steps  map[Step]int
	shells map[string]*shell
}

// Start runs a host until the test ends.
func Start(t testing.TB, o Options) *Host {
	t.Helper()
	if o.Offer == nil {
		o.Offer = []string{"Negotiate", "Kerberos"}
	}
	if o.SPN == "" {
		o.SPN = "HTTP/localhost"
	}
	if o.Chunk == 0 {
		o.Chunk = 32 << 10
	}
	if o.Fragment == 0 {
		o.Fragment = 32 << 10
	}
	if o.Run == nil {
		o.Run = func(Command) Result { return Result{} }
	}
	closing, end := context.WithCancel(context.Background())
	h := &Host{options: o, closing: closing, steps: map[Step]int{}, shells: map[string]*shell{}}
	h.server = httptest.NewUnstartedServer(h)
	h.server.Config.ErrorLog = log.New(io.Discard, "", 0) // clients that refuse the certificate are part of the tests
	h.server.Listener = &listener{Listener: h.server.Listener, host: h}
	h.server.Config.ConnContext = func(ctx context.Context, _ net.Conn) context.Context {
		return context.WithValue(ctx, peerKey{}, &peer{tls: o.TLS})
	}
	if o.TLS {
		h.server.StartTLS()
	} else {
		h.server.Start()
	}
	t.Cleanup(func() {
		end()
		h.server.CloseClientConnections()
		h.server.Close()
		for _, s := range h.shells {
			s.end()
		}
	})
	return h
}

// URL is where the host listens, with the path given, by the name localhost.
func (h *Host) URL(path string) string {
	_, port, _ := net.SplitHostPort(h.server.Listener.Addr().String())
	scheme := "http"
	if h.options.TLS {
		scheme = "https"
	}
	return scheme + "://localhost:" + port + path
}

// ServerName is the name in the certificate.
func (h *Host) ServerName() string { return "example.com" }

// CAFile writes the certificate that a client must trust, and returns the path.
func (h *Host) CAFile(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ca.pem")
	block := &pem.Block{Type: "CERTIFICATE", Bytes: h.certificate().Raw}
	if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func (h *Host) certificate() *x509.Certificate { return h.server.Certificate() }

// Stats is a copy of the counters.
func (h *Host) Stats() Stats {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.stats
	s.OpenShells = len(h.shells)
	for _, sh := range h.shells {
		s.RunningCommands += sh.running()
	}
	return s
}

func (h *Host) count(add func(*Stats)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	add(&h.stats)
}

// interference is what the test wants at this step.
func (h *Host) interference(step Step) *Interference {
	h.mu.Lock()
	h.steps[step]++
	count := h.steps[step]
	h.mu.Unlock()
	if h.options.Interfere == nil {
		return nil
	}
	return h.options.Interfere(step, count)
}

// listener counts connections, and leaves those alone that shall hang or be dropped.
type listener struct {
	net.Listener
	host *Host
}

func (l *listener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		l.host.count(func(s *Stats) { s.Connections++ })
		i := l.host.interference(StepAccept)
		switch {
		case i == nil:
			return conn, nil
		case i.Hang:
			go l.host.hold(conn)
		default:
			conn.Close()
		}
	}
}

// hold keeps a connection and says nothing until the client gives up, or the host ends.
func (h *Host) hold(conn net.Conn) {
	defer conn.Close()
	defer context.AfterFunc(h.closing, func() { conn.Close() })()
	io.Copy(io.Discard, conn)
}
