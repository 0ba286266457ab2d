package main

import (
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// watchTime bounds how long processes that have to end may take.
const watchTime = 30 * time.Second

// watch waits for processes to connect to $POWERSHELL_WATCH: their connection
// ends when they do, however they are ended.
func watch(ts *testscript.TestScript, _ bool, _ []string) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Defer(func() { listener.Close() })
	ts.Setenv("POWERSHELL_WATCH", listener.Addr().String())
	watched.Store(ts, listener)
}

// watched are the listeners of the scripts that watch.
var watched sync.Map

// ended has so many processes have connected, and all have ended: "ended 2".
func ended(ts *testscript.TestScript, _ bool, args []string) {
	count, err := strconv.Atoi(args[0])
	ts.Check(err)
	found, _ := watched.Load(ts)
	listener, watching := found.(*net.TCPListener)
	if !watching {
		ts.Fatalf("nobody watches: say watch first")
	}
	deadline := time.Now().Add(watchTime)
	ts.Check(listener.SetDeadline(deadline))
	for range count {
		connection, err := listener.Accept()
		ts.Check(err)
		ts.Defer(func() { connection.Close() })
		ts.Check(connection.SetReadDeadline(deadline))
		_, err = connection.Read(make([]byte, 1))
		if timeout, is := err.(net.Error); is && timeout.Timeout() {
			ts.Fatalf("a process still lives")
		}
		if err == nil {
			ts.Fatalf("a process said something")
		}
	}
}
