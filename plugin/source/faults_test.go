package source_test

import (
	"fmt"
	"testing"
	"time"

	"check_exchange_authcert/plugin"
	"check_exchange_authcert/plugin/authcert"
)

// stage is how far the way to the facts has been gone.
type stage string

const (
	resolve      stage = "resolve"
	connect      stage = "connect"
	handshake    stage = "TLS"
	authenticate stage = "authenticate"
	create       stage = "create"
	command      stage = "command"
	send         stage = "send"
	receive      stage = "receive"
	parse        stage = "parse"
)

var stages = []stage{resolve, connect, handshake, authenticate, create, command, send, receive, parse}

// fault is what goes wrong there.
type fault string

const (
	unknown       fault = "unknown name" // of a host, an account, a file
	denied        fault = "denied"       // a password, or a right
	refused       fault = "refused"
	reset         fault = "reset"
	hang          fault = "hang"
	drip          fault = "drip" // a byte a second
	truncated     fault = "truncated"
	oversized     fault = "oversized"
	garbled       fault = "garbage"
	wrongType     fault = "wrong type"
	wrongEncoding fault = "wrong encoding"
	empty         fault = "valid but empty"
	endless       fault = "without end" // in pieces that are good
	crowded       fault = "crowded"     // valid, of very many small parts
	busy          fault = "busy"
	http302       fault = "HTTP 302"
	http400       fault = "HTTP 400"
	http401       fault = "HTTP 401"
	http403       fault = "HTTP 403"
	http404       fault = "HTTP 404"
	http429       fault = "HTTP 429"
	http500       fault = "HTTP 500"
	http503       fault = "HTTP 503"
	alerted       fault = "TLS alert"
	expired       fault = "expired certificate"
	wrongName     fault = "certificate of another name"
	unknownCA     fault = "certificate of an unknown CA"
	noFault       fault = "none" // the source is sound: what is found out otherwise is the fault's doing
)

var faults = []fault{unknown, denied, refused, reset, hang, drip, truncated, oversized, garbled, wrongType, wrongEncoding, empty, endless, crowded, busy,
	http302, http400, http401, http403, http404, http429, http500, http503, alerted, expired, wrongName, unknownCA}

// statement is what an operator is told: stage is what the words of it begin with.
type statement struct {
	state  authcert.Status
	reason authcert.Reason
	stage  string
}

// origin is a source with its peers, as a row of the matrix.
type origin struct {
	name string
	// can tells which faults a stage of it may have, nil for a stage that it does not have.
	can func(stage) []fault
	// want is what is to be told.
	want func(stage, fault) statement
	// start runs the peers with a fault; what it returns asks them.
	start func(t *testing.T, at stage, f fault) subject
}

// subject is a source whose peers wait to be asked.
type subject struct {
	source   plugin.Source
	happened func() bool   // tells whether the fault has, where the way there takes time; nil: it is there from the start
	left     func() string // what has remained on the peer, "" for nothing; nil: nothing can
}

// cell is one element of the matrix.
type cell struct {
	*origin
	stage stage
	fault fault
}

func (c cell) String() string { return fmt.Sprintf("%s/%s/%s", c.name, c.stage, c.fault) }

// waits tells whether only the deadline ends it.
func (c cell) waits() bool {
	return c.fault != noFault && c.want(c.stage, c.fault).reason == authcert.Timeout
}

// floods tells whether the peer sends much.
func (c cell) floods() bool { return c.fault == oversized || c.fault == endless || c.fault == crowded }

// told is what has become of a cell.
type told struct {
	cell
	got            statement
	deadline, took time.Duration
	punctual       bool   // at one try at least it came within the allowance
	peak           uint64 // bytes, where much is sent
	problem        authcert.Problem
}

// matrix is the product of what the sources can do and what can go wrong with it, in its order.
func matrix() (cells []cell) {
	for _, o := range origins() {
		cells = append(cells, cell{o, parse, noFault})
		for _, s := range stages {
			possible := map[fault]bool{}
			for _, f := range o.can(s) {
				possible[f] = true
			}
			for _, f := range faults {
				if possible[f] {
					cells = append(cells, cell{o, s, f})
				}
			}
		}
	}
	return cells
}
