package source_test

import (
	"bytes"
	"crypto/tls"
	"io"
	"math/rand/v2"
	"net"
	"net/url"
	"sync"
	"testing"
	"time"
)

// wire stands between a client and its peer. Once it is struck, the next bytes of the peer suffer its fault.
type wire struct {
	listener    net.Listener
	peer        string // host:port
	fault       fault
	flood       []byte          // how an answer without end begins
	certificate tls.Certificate // shown in the peer's stead
	constant    bool            // every connection suffers

	mu      sync.Mutex
	pending bool
	lines   []net.Conn
	all     sync.WaitGroup
}

// startWire runs it until the test ends.
func startWire(t testing.TB, peer string, f fault) *wire {
	t.Helper()
	w := &wire{peer: peer, fault: f}
	var err error
	if w.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	w.all.Go(func() {
		for {
			line, err := w.listener.Accept()
			if err != nil {
				return
			}
			w.keep(line)
			w.all.Go(func() { w.serve(line) })
		}
	})
	t.Cleanup(func() {
		w.listener.Close()
		w.mu.Lock()
		for _, line := range w.lines {
			line.Close()
		}
		w.lines = nil
		w.mu.Unlock()
		w.all.Wait()
	})
	return w
}

func (w *wire) keep(line net.Conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lines = append(w.lines, line)
}

func (w *wire) address() string { return w.listener.Addr().String() }

// strike has the next bytes of the peer suffer.
func (w *wire) strike() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pending = true
}

// struck tells whether they are due, once unless the fault is constant.
func (w *wire) struck() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	due := w.pending
	w.pending = due && w.constant
	return due
}

// through leads an URL of the peer through the wire, by the same name.
func (w *wire) through(t testing.TB, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(w.address())
	u.Host = net.JoinHostPort(u.Hostname(), port)
	return u.String()
}

// serve carries one connection.
func (w *wire) serve(line net.Conn) {
	defer line.Close()
	if w.certificate.Certificate != nil {
		_ = tls.Server(line, &tls.Config{Certificates: []tls.Certificate{w.certificate}}).Handshake() // which the client refuses
		return
	}
	peer, err := net.Dial("tcp", w.peer)
	if err != nil {
		return
	}
	w.keep(peer)
	defer peer.Close()
	gone := make(chan struct{})
	w.all.Go(func() {
		_, _ = io.Copy(peer, line)
		close(gone)
		peer.Close()
	})
	buffer := make([]byte, 64<<10)
	for {
		n, err := peer.Read(buffer)
		if n > 0 && w.struck() {
			w.spoil(line, buffer[:n], gone)
			return
		}
		if _, failed := line.Write(buffer[:n]); err != nil || failed != nil {
			return
		}
	}
}

// noise is what no protocol begins with.
var noise = func() []byte {
	some := make([]byte, 4096)
	source := rand.New(rand.NewPCG(1, 2))
	for i := range some {
		some[i] = byte(source.Uint32())
	}
	some[0] |= 0x80
	return some
}()

// spoil sends the client something else than what the peer has said, and ends the connection, at the latest when the
// client has gone.
func (w *wire) spoil(line net.Conn, said []byte, gone <-chan struct{}) {
	switch w.fault {
	case reset:
		_ = line.(*net.TCPConn).SetLinger(0)
	case hang:
		<-gone
	case drip:
		for i := range said {
			_, _ = line.Write(said[i : i+1])
			select {
			case <-time.After(time.Second):
			case <-gone:
				return
			}
		}
	case truncated:
		_, _ = line.Write(said[:len(said)/2])
	case garbled:
		_, _ = line.Write(noise)
	case oversized:
		for piece := append(bytes.Clone(w.flood), make([]byte, 64<<10)...); ; piece = piece[len(piece)-64<<10:] {
			if _, err := line.Write(piece); err != nil {
				return
			}
		}
	case wrongType, wrongEncoding, empty: // of a KDC, whose reply is one packet
		_, _ = line.Write(kdcReply(w.fault, said))
		<-gone
	case alerted:
		_, _ = line.Write([]byte{21, 3, 3, 0, 2, 2, 40}) // handshake_failure (RFC 8446 6.2)
		<-gone
	}
}
