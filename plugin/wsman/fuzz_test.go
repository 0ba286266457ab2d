package wsman

import (
	"bytes"
	"errors"
	"net/http"
	"testing"

	"github.com/bodgit/ntlmssp"
	"github.com/jcmturner/gokrb5/v8/types"
)

func FuzzDecodeSealed(f *testing.F) {
	whole := sealed{length: 3, signature: []byte("0123456789abcdef"), data: []byte("abc")}.encode(protocolSPNEGO)
	f.Add(sealedType(protocolSPNEGO), whole)
	f.Add(sealedType(protocolSPNEGO), bytes.ReplaceAll(whole, []byte("--Encrypted"), []byte("-- Encrypted")))
	f.Add(`multipart/encrypted;protocol="x";boundary=""`, []byte("--\r\n--\r\n"))
	f.Add(sealedType(protocolKerberos), whole[:len(whole)-10])
	f.Fuzz(func(t *testing.T, contentType string, body []byte) {
		s, err := decodeSealed(contentType, protocolSPNEGO, body)
		if err != nil {
			return
		}
		if len(s.signature) == 0 || len(s.signature) > maxSignature || s.length > maxBody || len(s.signature)+len(s.data) > len(body) {
			t.Errorf("got a signature of %d bytes, data of %d, and a length of %d from %d bytes", len(s.signature), len(s.data), s.length, len(body))
		}
		again, err := decodeSealed(sealedType(protocolSPNEGO), protocolSPNEGO, s.encode(protocolSPNEGO))
		if err != nil || again.length != s.length || !bytes.Equal(again.signature, s.signature) || !bytes.Equal(again.data, s.data) {
			t.Errorf("got %v, %v from the message written anew, want %v", again, err, s)
		}
	})
}

func FuzzParseFault(f *testing.F) {
	f.Add([]byte(`<s:Envelope xmlns:s="` + nsSOAP + `"><s:Header/><s:Body><s:Fault><s:Code><s:Value>s:Sender</s:Value><s:Subcode><s:Value>w:TimedOut</s:Value></s:Subcode></s:Code>` +
		`<s:Reason><s:Text>no</s:Text></s:Reason><s:Detail><f:WSManFault xmlns:f="` + nsFault + `" Code="2150858793" Machine="m"><f:Message>a<b>c</b></f:Message></f:WSManFault></s:Detail></s:Fault></s:Body></s:Envelope>`))
	f.Add([]byte(`<s:Envelope xmlns:s="` + nsSOAP + `"><s:Body/></s:Envelope>`))
	f.Add([]byte(`<html>`))
	f.Fuzz(func(t *testing.T, envelope []byte) {
		fault, err := ParseFault(envelope)
		if fault == nil {
			return
		}
		if err != nil {
			t.Fatalf("got a fault and %v", err)
		}
		e := &Error{Stage: StageReceive, Reason: fault.reason(), Err: fault}
		if bytes.ContainsAny([]byte(e.Error()), "\r\n\x00") || len(e.Error()) > 2*maxFaultText {
			t.Errorf("got %d bytes: %q", len(e.Error()), e.Error())
		}
		if fault.OperationTimeout() != bytes.Contains([]byte(e.Error()), []byte(operationTimeoutWord)) {
			t.Errorf("got the reason %s for %+v", e.Reason, fault)
		}
	})
}

func FuzzNTLMChallenge(f *testing.F) {
	f.Add([]byte("NTLMSSP\x00\x02\x00\x00\x00\x00\x00\x00\x00\x38\x00\x00\x00\x35\x82\x89\xe2abcdefgh\x00\x00\x00\x00\x00\x00\x00\x00\x04\x00\x04\x00\x38\x00\x00\x00\x0a\x00\x00\x00\x00\x00\x00\x0f\x00\x00\x00\x00"))
	// An MsvAvFlags of one byte behind a timestamp.
	f.Add([]byte("NTLMSSP\x00\x02\x00\x00\x00\x00\x00\x00\x00\x38\x00\x00\x00\x35\x82\x89\xe2abcdefgh\x00\x00\x00\x00\x00\x00\x00\x00\x15\x00\x15\x00\x38\x00\x00\x00\x0a\x00\x00\x00\x00\x00\x00\x0f\x07\x00\x08\x00tttttttt\x06\x00\x01\x00f\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, token []byte) {
		if checkChallenge(token, true) != nil {
			return
		}
		client, err := ntlmssp.NewClient(ntlmssp.SetUserInfo("u", "p"), ntlmssp.SetVersion(ntlmssp.DefaultVersion()))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ntlmStep(client, nil, nil); err != nil {
			t.Fatal(err)
		}
		if _, err := ntlmStep(client, token, nil); err != nil {
			return
		}
		message := []byte("a message of some length")
		_, data, err := (&ntlmSealer{session: client.SecuritySession()}).seal(message)
		if err != nil || bytes.Equal(data, message) {
			t.Errorf("got %q, %v: the message is not sealed after the challenge %x", data, err, token)
		}
	})
}

func FuzzKerberosReply(f *testing.F) {
	f.Add([]byte("\xa1\x13\x30\x11\xa0\x03\x0a\x01\x00\xa1\x0a\x06\x08\x2b\x06\x01\x04\x01\x82\x37\x02"))
	f.Add(krb5Token(tokenAPRep, []byte("\x6f\x03\x30\x01\x00")))
	f.Add(krb5Token(tokenError, []byte("\x7e\x03\x30\x01\x00")))
	key := types.EncryptionKey{KeyType: 18, KeyValue: make([]byte, 32)}
	k := &kerberos{target: &target{addr: "host:1"}, held: credential{key: key}}
	f.Fuzz(func(t *testing.T, reply []byte) {
		if _, err := k.verify(&types.Authenticator{}, reply); err == nil {
			t.Errorf("%x proves the host", reply)
		}
		var e *Error
		if err := k.rejected(reply); !errors.As(err, &e) || e.Stage != StageAuthenticate {
			t.Errorf("got %v", err)
		}
	})
}

func FuzzWrapToken(f *testing.F) {
	key := types.EncryptionKey{KeyType: 18, KeyValue: make([]byte, 32)}
	f.Add(make([]byte, 60), []byte("data"))
	f.Add([]byte("\x05\x04\x07\xff\x00\x10\x00\x1c\x00\x00\x00\x00\x00\x00\x00\x00"), bytes.Repeat([]byte("x"), 60))
	f.Fuzz(func(t *testing.T, signature, data []byte) {
		s, err := newKerberosSealer(key, true, 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		if message, err := s.unseal(signature, data); err == nil {
			t.Errorf("%x %x is taken for %q", signature, data, message)
		}
	})
}

func FuzzCredentialCache(f *testing.F) {
	f.Add([]byte("\x05\x04\x00\x0c\x00\x01\x00\x08\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x01R\x00\x00\x00\x01u"))
	f.Add([]byte("\x05\x03\x00\x00\x00\x01\xff\xff\xff\xff\x00\x00\x00\x01R"))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := parseCCache(b)
		if err == nil && len(c.entries) > len(b) {
			t.Errorf("got %d entries from %d bytes", len(c.entries), len(b))
		}
	})
}

func FuzzChallengeHeader(f *testing.F) {
	f.Add(`Basic realm="a, b", Negotiate abc==`)
	f.Add("Negotiate, Kerberos")
	f.Fuzz(func(t *testing.T, value string) {
		h := http.Header{"Www-Authenticate": {value}}
		token, offered := challenge(h, SchemeNegotiate)
		if token != "" && !offered {
			t.Errorf("got the token %q without an offer", token)
		}
		if text := notOffered(&target{addr: "host:1"}, h).Error(); len(text) > 600 || bytes.ContainsAny([]byte(text), "\r\n") {
			t.Errorf("got %q", text)
		}
	})
}
