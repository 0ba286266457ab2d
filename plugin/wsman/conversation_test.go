package wsman_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/masterzen/winrm"

	"check_exchange_authcert/plugin/wsman"
	"check_exchange_authcert/plugin/wsman/wsmantest"
)

var (
	createShell = []byte(winrm.NewOpenShellRequest("http://localhost:5985/wsman", nil).String())
	noShell     = []byte(winrm.NewDeleteShellRequest("http://localhost:5985/wsman", "none", nil).String())
)

// at interferes with one step, every time.
func at(step wsmantest.Step, i wsmantest.Interference) func(wsmantest.Step, int) *wsmantest.Interference {
	return func(s wsmantest.Step, _ int) *wsmantest.Interference {
		if s == step {
			return &i
		}
		return nil
	}
}

// check compares an error with what it should be, and looks for secrets in it.
func check(t *testing.T, err error, stage wsman.Stage, reason wsman.Reason, text string) {
	t.Helper()
	var e *wsman.Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want an *Error", err)
	}
	if e.Stage != stage || e.Reason != reason {
		t.Errorf("got %s, %s (%v), want %s, %s", e.Stage, e.Reason, err, stage, reason)
	}
	if !strings.Contains(err.Error(), text) {
		t.Errorf("got %q, want %q in it", err, text)
	}
	for _, bad := range []string{testPassword, "\n", "OperationTimeout"} {
		if strings.Contains(err.Error(), bad) {
			t.Errorf("%q is in the error %q", bad, err)
		}
	}
}

func header(name, value string) http.Header { return http.Header{name: {value}} }

const clearFault = `<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body><s:Fault><s:Code><s:Value>s:Receiver</s:Value></s:Code></s:Fault></s:Body></s:Envelope>`

func TestAnswersOfTheHost(t *testing.T) {
	soapType := "application/soap+xml;charset=UTF-8"
	tests := map[string]struct {
		step         wsmantest.Step
		interference wsmantest.Interference
		stage        wsman.Stage
		reason       wsman.Reason
		text         string
	}{
		"only Basic offered":         {wsmantest.StepNegotiate, wsmantest.Interference{Status: 401, Header: header("Www-Authenticate", `Basic realm="WSMAN"`)}, wsman.StageAuthenticate, wsman.ReasonUnsupported, "it offers Basic (HTTP 401)"},
		"several offered":            {wsmantest.StepNegotiate, wsmantest.Interference{Status: 401, Header: header("Www-Authenticate", `Basic realm="W", Digest x="y", CredSSP`)}, wsman.StageAuthenticate, wsman.ReasonUnsupported, "it offers Basic, Digest, CredSSP (HTTP 401)"},
		"nothing offered":            {wsmantest.StepNegotiate, wsmantest.Interference{Status: 401}, wsman.StageAuthenticate, wsman.ReasonUnsupported, "it offers nothing"},
		"a hostile offer":            {wsmantest.StepNegotiate, wsmantest.Interference{Status: 401, Header: header("Www-Authenticate", "OperationTimeout")}, wsman.StageAuthenticate, wsman.ReasonUnsupported, "operation timeout"},
		"NTLM switched off":          {wsmantest.StepNegotiate, wsmantest.Interference{Status: 401, Header: header("Www-Authenticate", "Negotiate")}, wsman.StageAuthenticate, wsman.ReasonUnsupported, "takes no NTLM"},
		"challenge no base64":        {wsmantest.StepNegotiate, wsmantest.Interference{Status: 401, Header: header("Www-Authenticate", "Negotiate ???")}, wsman.StageAuthenticate, wsman.ReasonMalformed, "not base64"},
		"challenge no NTLM":          {wsmantest.StepNegotiate, wsmantest.Interference{Status: 401, Header: header("Www-Authenticate", "Negotiate "+strings.Repeat("A", 80))}, wsman.StageAuthenticate, wsman.ReasonMalformed, "not a challenge"},
		"no logon wanted":            {wsmantest.StepNegotiate, wsmantest.Interference{Status: 200, ContentType: soapType}, wsman.StageAuthenticate, wsman.ReasonUnsupported, "wants no logon (HTTP 200)"},
		"not found before the logon": {wsmantest.StepNegotiate, wsmantest.Interference{Status: 404}, wsman.StageAuthenticate, wsman.ReasonNotFound, "HTTP 404"},
		"redirect before the logon":  {wsmantest.StepNegotiate, wsmantest.Interference{Status: 302, Header: header("Location", "https://evil.example/?p="+testPassword)}, wsman.StageAuthenticate, wsman.ReasonUnsupported, "redirects to https://evil.example,"},
		"dropped at the logon":       {wsmantest.StepLogon, wsmantest.Interference{Drop: true}, wsman.StageAuthenticate, wsman.ReasonUnreachable, "connection lost"},
		"refused at the logon":       {wsmantest.StepLogon, wsmantest.Interference{Status: 401, Header: header("Www-Authenticate", "Negotiate")}, wsman.StageAuthenticate, wsman.ReasonAccessDenied, "refused the ntlm logon"},
		"forbidden at the logon":     {wsmantest.StepLogon, wsmantest.Interference{Status: 403}, wsman.StageAuthenticate, wsman.ReasonAccessDenied, "HTTP 403"},
		"logon forgotten":            {wsmantest.StepCreate, wsmantest.Interference{Status: 401, Header: header("Www-Authenticate", "Negotiate")}, wsman.StageAuthenticate, wsman.ReasonAccessDenied, "HTTP 401"},
		"forbidden":                  {wsmantest.StepCreate, wsmantest.Interference{Status: 403}, wsman.StageReceive, wsman.ReasonAccessDenied, "HTTP 403"},
		"not found":                  {wsmantest.StepCreate, wsmantest.Interference{Status: 404}, wsman.StageReceive, wsman.ReasonNotFound, "HTTP 404"},
		"too many":                   {wsmantest.StepCreate, wsmantest.Interference{Status: 429}, wsman.StageReceive, wsman.ReasonThrottled, "HTTP 429"},
		"out of service":             {wsmantest.StepCreate, wsmantest.Interference{Status: 503}, wsman.StageReceive, wsman.ReasonUnreachable, "HTTP 503"},
		"moved":                      {wsmantest.StepCreate, wsmantest.Interference{Status: 301, Header: header("Location", "/other")}, wsman.StageReceive, wsman.ReasonUnsupported, "redirects to another path"},
		"500 without a fault":        {wsmantest.StepCreate, wsmantest.Interference{Status: 500}, wsman.StageReceive, wsman.ReasonUnreadable, "HTTP 500"},
		"500 with a fault in clear":  {wsmantest.StepCreate, wsmantest.Interference{Status: 500, ContentType: soapType, Body: []byte(clearFault)}, wsman.StageReceive, wsman.ReasonUnreadable, "without a fault that could be trusted"},
		"answer in clear":            {wsmantest.StepCreate, wsmantest.Interference{Clear: true}, wsman.StageReceive, wsman.ReasonMalformed, "not encrypted"},
		"a web page":                 {wsmantest.StepCreate, wsmantest.Interference{Status: 200, ContentType: "text/html", Body: []byte("<html>")}, wsman.StageReceive, wsman.ReasonMalformed, "not encrypted"},
		"no framing":                 {wsmantest.StepCreate, wsmantest.Interference{Mangle: func([]byte) []byte { return []byte("garbage") }}, wsman.StageReceive, wsman.ReasonMalformed, "cannot be taken apart"},
		"a changed byte":             {wsmantest.StepCreate, wsmantest.Interference{Mangle: func(b []byte) []byte { b[len(b)-40] ^= 1; return b }}, wsman.StageReceive, wsman.ReasonMalformed, "cannot be decrypted"},
		"another length":             {wsmantest.StepCreate, wsmantest.Interference{Mangle: func(b []byte) []byte { return bytes.Replace(b, []byte(";Length="), []byte(";Length=1"), 1) }}, wsman.StageReceive, wsman.ReasonMalformed, "that was announced with 1"},
		"2 MiB of headers":           {wsmantest.StepCreate, wsmantest.Interference{Status: 200, Header: header("X-Filler", strings.Repeat("x", 2<<20))}, wsman.StageReceive, wsman.ReasonMalformed, "a head of more than 1048576 bytes"},
		"2 MiB":                      {wsmantest.StepCreate, wsmantest.Interference{Mangle: func([]byte) []byte { return make([]byte, 2<<20) }}, wsman.StageReceive, wsman.ReasonMalformed, "more than 1048576 bytes"},
		"dropped":                    {wsmantest.StepCreate, wsmantest.Interference{Drop: true}, wsman.StageReceive, wsman.ReasonUnreachable, "connection lost"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, wsman.AuthNTLM, wsmantest.Options{Interfere: at(test.step, test.interference)})
			c := w.conversation(t)
			_, err := c.Do(t.Context(), createShell)
			check(t, err, test.stage, test.reason, test.text)
			var fault *wsman.Fault
			if errors.As(err, &fault) {
				t.Errorf("got the fault %v from an answer in clear", fault)
			}
			before := w.host.Stats()
			if before.Logons+before.RefusedLogons > 1 || before.BasicCredentials != 0 || before.ClearBodies != 0 {
				t.Errorf("got %+v, want one logon at most and nothing in clear", before)
			}
			if test.stage != wsman.StageAuthenticate {
				return
			}
			if _, again := c.Do(t.Context(), createShell); again != err {
				t.Errorf("got %v from the next message, want the same error", again)
			}
			if after := w.host.Stats(); after != before {
				t.Errorf("got %+v, want no more traffic after a failed logon: %+v", after, before)
			}
		})
	}
}

func TestFaults(t *testing.T) {
	tests := map[string]struct {
		fault  wsmantest.Fault
		reason wsman.Reason
	}{
		"access denied":      {wsmantest.Fault{Code: 5, Subcode: "w:AccessDenied", Reason: "Zugriff verweigert"}, wsman.ReasonAccessDenied},
		"E_ACCESSDENIED":     {wsmantest.Fault{Code: wsman.CodeAccessDenied, Subcode: "w:InternalError", Reason: "Access is denied."}, wsman.ReasonAccessDenied},
		"quota":              {wsmantest.Fault{Code: wsman.CodeMaxShellsPerUser, Subcode: "w:QuotaLimit", Reason: "too many"}, wsman.ReasonThrottled},
		"resource":           {wsmantest.Fault{Code: wsman.CodeResourceNotFound, Subcode: "wsa:DestinationUnreachable", Reason: "no such URI"}, wsman.ReasonNotFound},
		"unknown":            {wsmantest.Fault{Code: 4711, Subcode: "w:InternalError", Reason: "?"}, wsman.ReasonUnreadable},
		"subcode alone":      {wsmantest.Fault{Subcode: "wsa:ActionNotSupported", Reason: "no"}, wsman.ReasonUnsupported},
		"two lines":          {wsmantest.Fault{Code: 4711, Subcode: "w:InternalError", Reason: "one\r\n\ttwo"}, wsman.ReasonUnreadable},
		"the word in a text": {wsmantest.Fault{Code: 4711, Subcode: "w:InternalError", Reason: "see OperationTimeout"}, wsman.ReasonUnreadable},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, wsman.AuthNTLM, wsmantest.Options{Interfere: at(wsmantest.StepCreate, wsmantest.Interference{Fault: &test.fault})})
			c := w.conversation(t)
			_, err := c.Do(t.Context(), createShell)
			check(t, err, wsman.StageReceive, test.reason, "from localhost")
			var fault *wsman.Fault
			if !errors.As(err, &fault) || fault.Code != test.fault.Code || fault.Status != 500 {
				t.Errorf("got the fault %+v, want code %d and status 500", fault, test.fault.Code)
			}
			if _, err := c.Do(t.Context(), noShell); !errors.As(err, &fault) {
				t.Errorf("got %v for the next message, want the conversation to go on", err)
			}
			if s := w.host.Stats(); s.Connections != 1 {
				t.Errorf("got %d connections, want 1", s.Connections)
			}
		})
	}
}

func TestOperationTimeoutKeepsItsWord(t *testing.T) {
	w := newWorld(t, wsman.AuthNTLM, wsmantest.Options{Interfere: at(wsmantest.StepCreate, wsmantest.Interference{Fault: &wsmantest.Fault{Code: wsman.CodeOperationTimeout, Subcode: "w:TimedOut", Reason: "abgelaufen"}})})
	_, err := w.conversation(t).Do(t.Context(), createShell)
	var e *wsman.Error
	if !errors.As(err, &e) || !e.OperationTimeout() || e.Reason != wsman.ReasonTimeout || !strings.Contains(err.Error(), "OperationTimeout") {
		t.Errorf("got %v, want the operation timeout with its word", err)
	}
}

func TestWrongPasswordIsTriedOnce(t *testing.T) {
	for _, test := range []struct {
		auth  wsman.Auth
		tls   bool
		stage wsman.Stage
	}{
		{wsman.AuthNTLM, false, wsman.StageAuthenticate},
		{wsman.AuthNTLM, true, wsman.StageAuthenticate},
		{wsman.AuthBasic, true, wsman.StageAuthenticate},
		{wsman.AuthKerberos, false, wsman.StageKDC},
	} {
		t.Run(fmt.Sprintf("%s/tls=%v", test.auth, test.tls), func(t *testing.T) {
			w := newWorld(t, test.auth, wsmantest.Options{TLS: test.tls, Offer: []string{"Negotiate", "Basic"}})
			w.config.Password = wsman.NewSecret("wrong")
			c := w.conversation(t)
			for range 3 {
				_, err := c.Do(t.Context(), createShell)
				check(t, err, test.stage, wsman.ReasonAccessDenied, "not tried again")
			}
			s := w.host.Stats()
			if tries := s.RefusedLogons + w.realm.Count("preauth"); tries != 1 || s.ClearBodies != 0 || s.OpenShells != 0 {
				t.Errorf("got %d attempts and %+v, want one attempt", tries, s)
			}
			if test.auth != wsman.AuthBasic && s.BasicCredentials != 0 {
				t.Errorf("got %d times Basic, want 0", s.BasicCredentials)
			}
		})
	}
}

func TestOneMessageAtATime(t *testing.T) {
	w := newWorld(t, wsman.AuthKerberos, wsmantest.Options{Cookie: "MS-WSMAN=affinity"})
	c := w.conversation(t)
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() {
			if _, err := c.Do(t.Context(), createShell); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if s := w.host.Stats(); s.OpenShells != 20 || s.Logons != 1 || s.Connections != 1 || s.Requests != 21 {
		t.Errorf("got %+v, want 20 shells with one logon and 21 requests", s)
	}
}

// Every step that can hang ends with the context, on every way to get there.
func TestTheContextEndsEveryWait(t *testing.T) {
	steps := []wsmantest.Step{wsmantest.StepAccept, wsmantest.StepNegotiate, wsmantest.StepLogon, wsmantest.StepCreate}
	for _, auth := range []wsman.Auth{wsman.AuthNTLM, wsman.AuthKerberos, wsman.AuthBasic} {
		for _, tls := range []bool{false, true} {
			for _, step := range steps {
				if (step == wsmantest.StepNegotiate && auth != wsman.AuthNTLM) || (auth == wsman.AuthBasic && !tls) {
					continue
				}
				t.Run(fmt.Sprintf("%s/tls=%v/%s", auth, tls, step), func(t *testing.T) {
					ctx, cancel := context.WithCancel(t.Context())
					w := newWorld(t, auth, wsmantest.Options{TLS: tls, Offer: []string{"Negotiate", "Basic"}, Interfere: func(s wsmantest.Step, count int) *wsmantest.Interference {
						if s != step || count > 1 {
							return nil
						}
						cancel()
						return &wsmantest.Interference{Hang: true}
					}})
					_, err := w.conversation(t).Do(ctx, createShell)
					var e *wsman.Error
					if !errors.As(err, &e) || e.Reason != wsman.ReasonTimeout || !errors.Is(err, context.Canceled) {
						t.Errorf("got %v, want the context's end", err)
					}
				})
			}
		}
	}
}

func TestAMessageThatWaitsForItsTurnGivesUp(t *testing.T) {
	reached := make(chan struct{})
	w := newWorld(t, wsman.AuthNTLM, wsmantest.Options{Interfere: func(s wsmantest.Step, _ int) *wsmantest.Interference {
		if s != wsmantest.StepCreate {
			return nil
		}
		close(reached)
		return &wsmantest.Interference{Hang: true}
	}})
	c := w.conversation(t)
	long, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := c.Do(long, createShell)
		ended <- err
	}()
	<-reached
	short, giveUp := context.WithCancel(t.Context())
	giveUp()
	_, err := c.Do(short, createShell)
	check(t, err, wsman.StageSend, wsman.ReasonTimeout, "waiting for an earlier message")
	cancel()
	<-ended
}
