package source_test

import (
	"fmt"
	"net"
	"slices"
	"testing"

	"check_exchange_authcert/plugin/authcert"
)

// nameFaults are those of looking a name up: DNS has datagrams, which come whole or not at all.
var nameFaults = []fault{unknown, refused, hang, garbled, empty, http500}

// nameReason is what they are told as. An answer that is not to the question is none.
func nameReason(f fault) authcert.Reason {
	if f == hang || f == garbled {
		return authcert.Timeout
	}
	return authcert.Unreachable
}

// tlsFaults are those of a handshake.
var tlsFaults = []fault{reset, hang, drip, truncated, oversized, garbled, alerted, expired, wrongName, unknownCA}

// connectFaults are those of a connection that is not there yet. What happens to one that is, is the next stage's.
var connectFaults = append([]fault{refused}, filteredFaults...)

// portOf is ":port" of an address on this host where that happens.
func portOf(t *testing.T, f fault) string {
	t.Helper()
	if f == hang {
		return filteredPort(t)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return fmt.Sprintf(":%d", l.Addr().(*net.TCPAddr).Port)
}

func origins() []*origin {
	return slices.Concat(conversations(), webRows(), fileRows(), []*origin{localRow()}, ldapRows(), kdcRows(), []*origin{graphRow()})
}
