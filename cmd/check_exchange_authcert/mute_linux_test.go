package main

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// loopback listens until the test ends.
func loopback(t *testing.T, address string) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	return listener
}

// mute gives these answers, one to each message, and none to the next.
func mute(t *testing.T, listener net.Listener, reached func(), answers ...[]byte) (address string) {
	t.Helper()
	talk := func(connection net.Conn) {
		defer connection.Close()
		buffer := make([]byte, 64<<10)
		for i := range len(answers) + 1 {
			if _, err := connection.Read(buffer); err != nil {
				return
			}
			if i < len(answers) {
				_, _ = connection.Write(answers[i])
			}
		}
		reached()
		_, _ = io.Copy(io.Discard, connection)
	}
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			go talk(connection)
		}
	}()
	return listener.Addr().String()
}

// hangs is a web site that takes a request and answers nothing.
func hangs(reached func()) http.HandlerFunc {
	return func(_ http.ResponseWriter, r *http.Request) {
		reached()
		<-r.Context().Done()
	}
}

// rawHost accepts connections, and that is all.
func rawHost(args ...string) func(*testing.T, func()) invocation {
	return func(t *testing.T, reached func()) invocation {
		_, port, _ := net.SplitHostPort(mute(t, loopback(t, "127.0.0.1:0"), reached))
		call := invocation{args: []string{"-H", "localhost", "--port", port, "--username", "monitor@CONTOSO.TEST"}, env: map[string]string{passwordVariable: stallPassword}}
		for _, arg := range args {
			call.args = append(call.args, strings.Replace(arg, "PORT", port, 1))
		}
		return call
	}
}

// unconnected is a host that is named by these arguments, in which ADDRESS
// stands for its address.
func unconnected(args ...string) func(*testing.T, func()) invocation {
	return func(t *testing.T, reached func()) invocation {
		address := full(t, reached)
		_, port, _ := net.SplitHostPort(address)
		replace := strings.NewReplacer("ADDRESS", address, "PORT", port)
		call := invocation{env: map[string]string{passwordVariable: stallPassword}}
		for _, arg := range args {
			call.args = append(call.args, replace.Replace(arg))
		}
		return call
	}
}

// unconnectedKDC is a host whose KDC cannot be connected with.
func unconnectedKDC(t *testing.T, reached func()) invocation {
	call := windows("", viaKerberos)(t, func() {})
	call.args[slices.Index(call.args, "--kdc")+1] = full(t, reached)
	return call
}

// full is the address of a host whose queue of connections is full: it neither
// accepts nor refuses another one.
func full(t *testing.T, reached func()) (address string) {
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

// unresolved has the only server of names hear every question and answer none.
func unresolved(t *testing.T, reached func()) invocation {
	if exec.Command("unshare", "--mount", "true").Run() != nil {
		t.Skip("this account may not change what it sees of /etc")
	}
	address := fmt.Sprintf("127.0.92.%d", lastByte.Add(1))
	server, err := net.ListenPacket("udp", address+":53")
	if err != nil {
		t.Skipf("no server of names: %v", err)
	}
	t.Cleanup(func() { server.Close() })
	go func() {
		if _, _, err := server.ReadFrom(make([]byte, 512)); err == nil {
			reached()
		}
	}()
	configuration := filepath.Join(t.TempDir(), "resolv.conf")
	if err := os.WriteFile(configuration, []byte("nameserver "+address+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return invocation{
		args:    []string{"-H", "ex01.contoso.com", "--via", "winrm", "--username", "monitor"},
		env:     map[string]string{passwordVariable: stallPassword, "CONFIGURATION": configuration},
		through: append([]string{"unshare", "--mount"}, through(`mount --bind "$CONFIGURATION" /etc/resolv.conf && exec "$@"`)...),
	}
}

// lastByte makes addresses that no other test listens on.
var lastByte atomic.Int32

// await looks until something has happened, but not for ever.
func await(t *testing.T, happened func() bool) bool {
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	late := time.After(20 * time.Second)
	for !happened() {
		select {
		case <-ticker.C:
		case <-late:
			return false
		case <-t.Context().Done():
			return false
		}
	}
	return true
}

// directoryAt is a domain controller that gives these answers and then none,
// with TLS if it is secure.
func directoryAt(scheme string, secure bool, answers ...[]byte) func(*testing.T, func()) invocation {
	return func(t *testing.T, reached func()) invocation {
		stage := onStage{t}
		certificate := peer(stage, time.Hour, "localhost")
		listener := loopback(t, "127.0.0.1:0")
		if secure {
			listener = tls.NewListener(listener, &tls.Config{Certificates: []tls.Certificate{certificate}})
		}
		_, port, _ := net.SplitHostPort(mute(t, listener, reached, answers...))
		return invocation{
			args: []string{"--ldap", scheme + "://localhost:" + port, "--auth", "basic", "--username", "monitor", "--ca-file", caFile(stage, "ca.pem", certificate)},
			env:  map[string]string{passwordVariable: stallPassword},
		}
	}
}

// servedHangs is a server whose front end takes a handshake and answers
// nothing.
func servedHangs(t *testing.T, reached func()) invocation {
	if low, _ := condition("lowports"); !low {
		t.Skip("this account may not listen on port 443")
	}
	address := fmt.Sprintf("127.0.91.%d", lastByte.Add(1))
	mute(t, loopback(t, address+":443"), reached)
	data, err := os.ReadFile(sound)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "snapshot.json")
	data = bytes.Replace(data, []byte(`"fqdn": "ex01.contoso.com"`), []byte(`"fqdn": "`+address+`"`), 1)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return invocation{args: []string{"--snapshot", path, "--at", "2026-11-23", "--exclude-server", "*.contoso.com", "--check-tls"}}
}

// tenantCall compares with a tenant.
func tenantCall(t *testing.T, env map[string]string) invocation {
	t.Helper()
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("Geheim-Richtig\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return invocation{env: env, args: []string{"--snapshot", sound, "--at", "2026-11-23", "--tenant", "contoso.com", "--client-id", "11111111-2222-3333-4444-555555555555", "--client-secret-file", secret}}
}

// halfWritten is a pipe that holds the text and is not closed. Its reader has
// begun when all of it has been written: the pipe does not hold that much.
func halfWritten(t *testing.T, text string, reached func()) *os.File {
	t.Helper()
	const setPipeSize, size = 1031, 4096 // F_SETPIPE_SZ
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { reader.Close(); writer.Close() })
	if _, _, failed := syscall.Syscall(syscall.SYS_FCNTL, writer.Fd(), setPipeSize, size); failed != 0 {
		t.Fatal(failed)
	}
	go func() {
		if _, err := io.WriteString(writer, text+strings.Repeat(" ", size)); err == nil {
			reached()
		}
	}()
	return reader
}

// fifo is a snapshot in a FIFO whose writer has opened it and writes nothing.
func fifo(t *testing.T, reached func()) invocation {
	path := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	go func() {
		writer, err := os.OpenFile(path, os.O_WRONLY, 0) // waits for the reader
		if err != nil {
			return
		}
		defer writer.Close()
		reached()
		<-t.Context().Done()
	}()
	return invocation{args: []string{"--snapshot", path}}
}
