package wsman_test

import (
	"testing"

	"check_exchange_authcert/plugin/wsman"
	"check_exchange_authcert/plugin/wsman/wsmantest"
)

func TestReconnectsTwice(t *testing.T) {
	w := newWorld(t, wsman.AuthNTLM, wsmantest.Options{Interfere: func(s wsmantest.Step, count int) *wsmantest.Interference {
		if s == wsmantest.StepCreate && count != 1 && count != 3 && count != 5 {
			return &wsmantest.Interference{Drop: true}
		}
		return nil
	}})
	c := w.conversation(t)
	for i, want := range []bool{true, false, true, false, true, false, false} {
		if _, err := c.Do(t.Context(), createShell); (err == nil) != want {
			t.Errorf("message %d: got %v, want success %v", i, err, want)
		}
	}
	_, err := c.Do(t.Context(), createShell)
	check(t, err, wsman.StageConnect, wsman.ReasonUnreachable, "lost 3 times")
	if s := w.host.Stats(); s.Logons != 3 || s.Connections != 3 {
		t.Errorf("got %+v, want three logons", s)
	}
}

func TestCloseEndsTheConversation(t *testing.T) {
	w := newWorld(t, wsman.AuthNTLM, wsmantest.Options{})
	c := w.conversation(t)
	if _, err := c.Do(t.Context(), createShell); err != nil {
		t.Fatal(err)
	}
	c.Close()
	_, err := c.Do(t.Context(), createShell)
	check(t, err, wsman.StageConnect, wsman.ReasonUnreachable, "closed")
}

func TestAReplayedAnswerIsRefused(t *testing.T) {
	for _, auth := range []wsman.Auth{wsman.AuthNTLM, wsman.AuthKerberos} {
		t.Run(string(auth), func(t *testing.T) {
			var first []byte
			w := newWorld(t, auth, wsmantest.Options{Interfere: at(wsmantest.StepCreate, wsmantest.Interference{Mangle: func(b []byte) []byte {
				if first == nil {
					first = b
				}
				return first
			}})})
			c := w.conversation(t)
			if _, err := c.Do(t.Context(), createShell); err != nil {
				t.Fatal(err)
			}
			_, err := c.Do(t.Context(), createShell)
			check(t, err, wsman.StageReceive, wsman.ReasonMalformed, "cannot be decrypted")
		})
	}
}

func TestTheConversationGoesOn(t *testing.T) {
	for name, test := range map[string]struct {
		first       wsmantest.Interference
		works       bool
		connections int
	}{
		"after an early hint":          {wsmantest.Interference{Early: true}, true, 1},
		"after the host's close":       {wsmantest.Interference{Close: true}, true, 2},
		"after an answer in clear":     {wsmantest.Interference{Clear: true}, false, 2},
		"after an answer without seal": {wsmantest.Interference{Status: 500}, false, 2},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, wsman.AuthNTLM, wsmantest.Options{Interfere: func(s wsmantest.Step, count int) *wsmantest.Interference {
				if s == wsmantest.StepCreate && count == 1 {
					return &test.first
				}
				return nil
			}})
			c := w.conversation(t)
			if _, err := c.Do(t.Context(), createShell); (err == nil) != test.works {
				t.Errorf("got %v, want success %v", err, test.works)
			}
			if _, err := c.Do(t.Context(), createShell); err != nil {
				t.Errorf("the next message: %v", err)
			}
			if s := w.host.Stats(); s.Connections != test.connections || s.Logons != test.connections {
				t.Errorf("got %+v, want %d connections", s, test.connections)
			}
		})
	}
}

func TestTheSecondLogonIsTheLast(t *testing.T) {
	w := newWorld(t, wsman.AuthNTLM, wsmantest.Options{Interfere: func(s wsmantest.Step, count int) *wsmantest.Interference {
		switch {
		case s == wsmantest.StepCreate:
			return &wsmantest.Interference{Drop: true}
		case s == wsmantest.StepLogon && count > 1:
			return &wsmantest.Interference{Status: 401, Header: header("Www-Authenticate", "Negotiate")}
		}
		return nil
	}})
	c := w.conversation(t)
	if _, err := c.Do(t.Context(), createShell); err == nil {
		t.Error("got no error from a dropped connection")
	}
	for range 2 {
		_, err := c.Do(t.Context(), createShell)
		check(t, err, wsman.StageAuthenticate, wsman.ReasonAccessDenied, "refused the ntlm logon")
	}
	if s := w.host.Stats(); s.Connections != 2 {
		t.Errorf("got %d connections, want 2", s.Connections)
	}
}
