package main

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"check_exchange_authcert/plugin/wsman/wsmantest"
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
	go accept(listener, func(connection net.Conn) {
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
	})
	return listener.Addr().String()
}

func portOf(address string) string {
	_, port, _ := net.SplitHostPort(address)
	return port
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
		port := portOf(mute(t, loopback(t, "127.0.0.1:0"), reached))
		return invocation{args: append([]string{"-H", "localhost", "--port", port, "--username", "monitor"}, args...), env: map[string]string{passwordVariable: stallPassword}}
	}
}

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
		port := portOf(mute(t, listener, reached, answers...))
		return invocation{
			args: []string{"--ldap", scheme + "://localhost:" + port, "--auth", "basic", "--username", "monitor", "--ca-file", caFile(stage, "ca.pem", certificate)},
			env:  map[string]string{passwordVariable: stallPassword},
		}
	}
}

// directoryLogon is a domain controller that does not answer a logon of its
// own protocol, and its KDC.
func directoryLogon(user string) func(*testing.T, func()) invocation {
	return func(t *testing.T, reached func()) invocation {
		realm := wsmantest.StartRealm(t, "CONTOSO.TEST")
		realm.AddUser("monitor", stallPassword)
		realm.AddService("ldap/localhost")
		port := portOf(mute(t, loopback(t, "127.0.0.1:0"), reached))
		return invocation{
			args: []string{"--ldap", "ldap://localhost:" + port, "--username", user, "--kdc", realm.KDC()},
			env:  map[string]string{passwordVariable: stallPassword},
		}
	}
}

// served counts the servers: each has an address of its own, as the port is
// given.
var served atomic.Uint32

// servedHangs is a server whose front end takes a handshake and answers
// nothing.
func servedHangs(t *testing.T, reached func()) invocation {
	if low, _ := condition("lowports"); !low {
		t.Skip("this account may not listen on port 443")
	}
	address := fmt.Sprint("127.0.9.", served.Add(1)%256)
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
	reader, writer := smallPipe(t)
	go func() {
		if _, err := io.WriteString(writer, text+strings.Repeat(" ", smallPipeSize)); err == nil {
			reached()
		}
	}()
	return reader
}

const smallPipeSize = 4096 // bytes

// smallPipe holds less than the texts that go through it.
func smallPipe(t *testing.T) (reader, writer *os.File) {
	t.Helper()
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { reader.Close(); writer.Close() })
	if _, err := unix.FcntlInt(writer.Fd(), unix.F_SETPIPE_SZ, smallPipeSize); err != nil {
		t.Fatal(err)
	}
	return reader, writer
}

// unread is a small pipe whose reader does not read. The writer waits when it
// is full.
func unread(t *testing.T, reached func()) (reader, writer *os.File) {
	t.Helper()
	reader, writer = smallPipe(t)
	go await(t, func() bool {
		held, err := unix.IoctlGetInt(int(reader.Fd()), unix.TIOCINQ)
		if err == nil && held < smallPipeSize {
			return false
		}
		reached()
		return true
	})
	return reader, writer
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
