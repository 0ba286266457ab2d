//go:build integration

package source_test

import (
	"net"
	"sync"
	"testing"
	"time"
)

// relay passes bytes between clients, which ask and then wait, and a server, and sums how long they wait for it: from the
// end of each question to the end of its answer.
type relay struct {
	address string

	mu    sync.Mutex
	asked time.Time // when what waits for an answer went to the server, or what came of the answer so far from it
	taken time.Duration
}

// startRelay runs a relay to a server until the test ends.
func startRelay(t *testing.T, server string) *relay {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	r := &relay{address: listener.Addr().String()}
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go r.serve(client, server)
		}
	}()
	return r
}

func (r *relay) serve(client net.Conn, address string) {
	defer client.Close()
	server, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	defer server.Close()
	go func() {
		defer server.Close()
		pass(server, client, func() { r.mark(0) })
	}()
	pass(client, server, func() { r.mark(1) })
}

// mark begins to count anew, and adds what has passed so many times.
func (r *relay) mark(times time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	r.taken += times * now.Sub(r.asked)
	r.asked = now
}

// took is how long clients have waited so far.
func (r *relay) took() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.taken
}

// pass copies until either side ends, and tells of each piece before it is passed on.
func pass(to, from net.Conn, tell func()) {
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			tell()
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}
