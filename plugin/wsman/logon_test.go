package wsman

import (
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"check_exchange_authcert/plugin/wsman/wsmantest"
)

// logonAt is a logon at a service of the realm.
func logonAt(t *testing.T, realm *wsmantest.Realm) *Logon {
	t.Helper()
	l, err := NewLogon(LogonConfig{Service: "ldap", Host: "DC01.example.test.", Auth: AuthKerberos,
		Username: "monitor@EXAMPLE.TEST", Password: NewSecret("Geheim"), Kerberos: Kerberos{KDCs: []string{realm.KDC()}}})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func ldapRealm(t *testing.T) *wsmantest.Realm {
	t.Helper()
	realm := wsmantest.StartRealm(t, "EXAMPLE.TEST")
	realm.AddUser("monitor", "Geheim")
	realm.AddService("ldap/dc01.example.test")
	return realm
}

func TestLogonSeals(t *testing.T) {
	realm := ldapRealm(t)
	l := logonAt(t, realm)
	token, err := l.Start(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	session, reply, err := realm.Accept("ldap/dc01.example.test", token)
	if err != nil {
		t.Fatal(err)
	}
	if more, err := l.Continue(reply); err != nil || more != nil || !l.Sealed() {
		t.Fatalf("got %x, %v, sealed %t; want nothing more to send, and sealing", more, err, l.Sealed())
	}
	for _, message := range []string{"first", "", strings.Repeat("second", 10000)} {
		sealed, err := l.Seal([]byte(message))
		if err != nil {
			t.Fatal(err)
		}
		got, err := session.Unseal(sealed)
		if err != nil || string(got) != message {
			t.Fatalf("the service reads %.20q, %v; want %.20q", got, err, message)
		}
		got, err = l.Unseal(session.Seal([]byte("re " + strings.Repeat(message, 2))))
		if err != nil || string(got) != "re "+message+message {
			t.Fatalf("got %.20q, %v; want re %.20q", got, err, message)
		}
	}
}

// TestLogonTampered has somebody between change, repeat and cut messages.
func TestLogonTampered(t *testing.T) {
	for name, tamper := range map[string]func(first, second []byte) []byte{
		"changed":  func(first, _ []byte) []byte { first[len(first)-1] ^= 1; return first },
		"cut":      func(first, _ []byte) []byte { return first[:len(first)-1] },
		"very cut": func(first, _ []byte) []byte { return first[:7] },
		"empty":    func(_, _ []byte) []byte { return nil },
		"swapped":  func(_, second []byte) []byte { return second },
		"clear":    func(_, _ []byte) []byte { return []byte("a message that nobody has sealed, of some length") },
	} {
		realm := ldapRealm(t)
		l := logonAt(t, realm)
		token, err := l.Start(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		session, reply, err := realm.Accept("ldap/dc01.example.test", token)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := l.Continue(reply); err != nil {
			t.Fatal(err)
		}
		first, second := session.Seal([]byte("first message, first message")), session.Seal([]byte("second message, second one"))
		var e *Error
		if _, err := l.Unseal(tamper(first, second)); !errors.As(err, &e) || e.Reason != ReasonMalformed {
			t.Errorf("%s: got %v, want malformed", name, err)
		}
	}
}

// TestLogonOfAnother has a service answer that cannot read the ticket.
func TestLogonOfAnother(t *testing.T) {
	realm, other := ldapRealm(t), ldapRealm(t)
	l, elsewhere := logonAt(t, realm), logonAt(t, other)
	if _, err := l.Start(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	token, err := elsewhere.Start(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	_, reply, err := other.Accept("ldap/dc01.example.test", token)
	if err != nil {
		t.Fatal(err)
	}
	for name, answer := range map[string][]byte{"another's": reply, "none": nil, "garbage": []byte("garbage")} {
		var e *Error
		if _, err := l.Continue(answer); !errors.As(err, &e) || e.Reason != ReasonMalformed || !strings.Contains(e.Err.Error(), "has not proved who it is") || l.Sealed() {
			t.Errorf("%s answer: got %v, want that it has not proved who it is", name, err)
		}
	}
}

func TestLogonSettings(t *testing.T) {
	secret := NewSecret("Geheim")
	for _, row := range []struct {
		config  LogonConfig
		message string
	}{
		{LogonConfig{Service: "ldap", Host: "dc01", Auth: AuthBasic, Username: "monitor", Password: secret}, `no such logon: "basic"`},
		{LogonConfig{Service: "ldap", Host: "192.0.2.1", Auth: AuthKerberos, Username: "monitor@EXAMPLE.TEST", Password: secret}, "needs a host name"},
		{LogonConfig{Service: "ldap", Host: "dc01", Auth: AuthKerberos, Username: "monitor", Password: secret}, "no Kerberos realm"},
		{LogonConfig{Service: "ldap", Host: "dc01", Auth: AuthNTLM, Username: "monitor"}, "needs a user and a password"},
	} {
		var e *Error
		if _, err := NewLogon(row.config); !errors.As(err, &e) || e.Stage != StageConfigure || !strings.Contains(e.Err.Error(), row.message) {
			t.Errorf("%+v: got %v, want …%s", row.config, err, row.message)
		}
	}
}

// TestLogonNTLMWeakened has a challenge switch sealing off.
func TestLogonNTLMWeakened(t *testing.T) {
	challenge := make([]byte, 56)
	copy(challenge, "NTLMSSP\x00\x02")
	binary.LittleEndian.PutUint32(challenge[20:], ntlmUnicode|ntlmExtended)
	for name, token := range map[string][]byte{"without sealing": challenge, "none": nil, "garbage": []byte("NTLMSSP")} {
		l, err := NewLogon(LogonConfig{Service: "ldap", Host: "dc01", Auth: AuthNTLM, Username: `EXAMPLE\monitor`, Password: NewSecret("Geheim")})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := l.Start(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		var e *Error
		if answer, err := l.Continue(token); !errors.As(err, &e) || e.Reason != ReasonMalformed || answer != nil {
			t.Errorf("%s: got %x, %v; want malformed and no answer", name, answer, err)
		}
	}
}
