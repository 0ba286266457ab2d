package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// fullQueue is a port whose queue of connections is full: it neither accepts
// nor refuses another one.
func fullQueue(t *testing.T, reached func()) (address string) {
	t.Helper()
	listener := loopback(t, "127.0.0.1:0")
	raw, err := listener.(*net.TCPListener).SyscallConn()
	if err == nil {
		err = raw.Control(func(fd uintptr) { _ = syscall.Listen(int(fd), 0) })
	}
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		var filler net.Conn
		if filler, err = net.DialTimeout("tcp", listener.Addr().String(), 200*time.Millisecond); err == nil {
			t.Cleanup(func() { filler.Close() })
		}
	}
	trying := fmt.Appendf(nil, "0100007F:%04X 02 ", listener.Addr().(*net.TCPAddr).Port) // SYN_SENT
	go await(t, func() bool {
		table, err := os.ReadFile("/proc/net/tcp")
		if err != nil || !bytes.Contains(table, trying) {
			return err != nil
		}
		reached()
		return true
	})
	return listener.Addr().String()
}

// mayMount tells whether this account may have mounts of its own.
var mayMount = sync.OnceValue(func() bool {
	return exec.Command("unshare", "--mount", "mount", "-t", "tmpfs", "none", os.TempDir()).Run() == nil
})

// deaf counts the name servers: each has an address of its own.
var deaf atomic.Uint32

// unresolved is a host whose name only a name server knows, which does not
// answer.
func unresolved(t *testing.T, reached func()) invocation {
	if !mayMount() {
		t.Skip("this account may not mount another resolv.conf")
	}
	server, err := net.ListenPacket("udp", fmt.Sprint("127.0.10.", deaf.Add(1)%256, ":53"))
	if err != nil {
		t.Skipf("this account may not serve port 53: %v", err)
	}
	t.Cleanup(func() { server.Close() })
	go func() {
		if _, _, err := server.ReadFrom(make([]byte, 512)); err == nil {
			reached()
		}
	}()
	path := filepath.Join(t.TempDir(), "resolv.conf")
	address, _, _ := net.SplitHostPort(server.LocalAddr().String())
	if err := os.WriteFile(path, []byte("nameserver "+address+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	call := withPassword("-H", "ex01.contoso.test", "--via", "winrm", "--username", "monitor")
	call.env["RESOLV_CONF"] = path
	call.through = append([]string{"unshare", "--mount"}, through(`mount --bind "$RESOLV_CONF" /etc/resolv.conf && exec "$@"`)...)
	return call
}
