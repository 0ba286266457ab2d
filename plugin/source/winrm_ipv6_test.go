package source_test

import (
	"io"
	"net"
	"strings"
	"testing"

	"check_exchange_authcert/plugin/wsman"
	"check_exchange_authcert/plugin/wsman/wsmantest"
)

// TestWinRMIPv6 logs on to a host at its IPv6 address, and has the collector
// run there.
func TestWinRMIPv6(t *testing.T) {
	var saw record
	peer, w := host(t, wsman.AuthNTLM, wsmantest.Options{Run: collector(t, &saw)})
	listener, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		t.Skipf("this host has no IPv6: %v", err)
	}
	t.Cleanup(func() { listener.Close() })
	go forward(listener, strings.TrimPrefix(peer.URL(""), "http://"))
	w.Shell.URL = "http://" + listener.Addr().String() + "/wsman"
	snap, err := w.Snapshot(t.Context())
	if err != nil || snap.AuthConfig == nil || len(snap.Servers) != 3 {
		t.Errorf("%+v, %v; want AuthConfig and three servers", snap, err)
	}
}

// forward leads every connection to another address.
func forward(listener net.Listener, address string) {
	for {
		outer, err := listener.Accept()
		if err != nil {
			return
		}
		go func() {
			defer outer.Close()
			inner, err := net.Dial("tcp", address)
			if err != nil {
				return
			}
			defer inner.Close()
			go func() {
				_, _ = io.Copy(inner, outer)
				inner.Close()
			}()
			_, _ = io.Copy(outer, inner)
		}()
	}
}
