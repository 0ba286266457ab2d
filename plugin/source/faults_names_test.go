package source_test

import (
	"context"
	"net"
	"strings"
	"testing"
)

// unresolved are names whose look-up goes wrong, by the fault.
var unresolved = map[fault]string{
	unknown: "nobody.faults.invalid", refused: "refused.faults.invalid", hang: "silent.faults.invalid", garbled: "garbled.faults.invalid",
	empty: "empty.faults.invalid", http500: "failing.faults.invalid",
}

// nameServer has the names looked up at a server of DNS in this process until the test ends.
func nameServer(t *testing.T) {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		query := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(query)
			if err != nil {
				return
			}
			if answer := nameAnswer(query[:n]); answer != nil {
				_, _ = conn.WriteTo(answer, from)
			}
		}
	}()
	system := net.DefaultResolver
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
	t.Cleanup(func() {
		net.DefaultResolver = system
		conn.Close()
		<-stopped
	})
}

// nameAnswer answers a question (RFC 1035 4.1) without giving an address, nil for silence.
func nameAnswer(query []byte) []byte {
	if len(query) < 12 {
		return nil
	}
	end := 12
	var name []string
	for end < len(query) && query[end] != 0 {
		label := query[end+1 : min(len(query), end+1+int(query[end]))]
		name = append(name, string(label))
		end += 1 + len(label)
	}
	if end+5 > len(query) {
		return nil
	}
	const noError, serverFailure, nameError, refusal = 0, 2, 3, 5
	code := byte(nameError)
	switch strings.ToLower(name[0]) {
	case "silent":
		return nil
	case "garbled":
		return append(query[:2:2], noise[:100]...)
	case "empty":
		code = noError
	case "failing":
		code = serverFailure
	case "refused":
		code = refusal
	}
	answer := append([]byte(nil), query[:end+5]...)
	answer[2], answer[3] = 0x81|answer[2]&1, 0x80|code
	copy(answer[6:12], make([]byte, 6)) // no records
	return answer
}
