package authcert

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"
)

// full is a snapshot with every field set.
func full(t testing.TB) *Snapshot {
	o := newOrg(t)
	o.Origin = Origin{Kind: "winrm", Host: "ex01.contoso.com", Via: "exchange", Tried: []string{"ex00 via exchange: timeout"}}
	o.setNext(until(t, in(1800)), in(5))
	o.AuthConfig.PreviousCertificateThumbprint = ThumbprintOf([]byte("previous"))
	o.AuthConfig.Realm = "contoso.com"
	o.OtherAuthConfigs = List[AuthConfig]{*o.AuthConfig}
	o.Hybrid.DedicatedApp = new(true)
	o.Servers[0].Site = "Berlin"
	o.Servers[0].Certificates[0].FriendlyName = "friendly"
	o.Servers[0].Certificates[0].Services = Services{}
	o.Servers[0].Served = List[Served]{{Port: 444, RawData: o.own(0).RawData}, {Port: 443, Error: &Problem{Reason: Timeout, Message: "m"}}}
	o.Servers[1].Published = &Published{Thumbprints: List[Thumbprint]{o.currentThumbprint()}, HTTPStatus: 200}
	o.unreadable(2, Unreachable)
	o.Entra = &Entra{Application: "a", KeyCredentials: List[KeyCredential]{{Thumbprint: o.currentThumbprint(), EndDateTime: At(in(9))}, {}}}
	o.Errors = List[Problem]{{Stage: "s", Reason: Throttled, Message: "m", Hint: "# h"}}
	return o.Snapshot
}

func TestSnapshotRoundTrip(t *testing.T) {
	for name, snap := range map[string]*Snapshot{"full": full(t), "sound": newOrg(t).Snapshot, "empty": {Schema: Schema}} {
		again, err := DecodeSnapshot([]byte(marshal(t, snap)))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(again, snap); diff != "" {
			t.Errorf("%s (-got +want):\n%s", name, diff)
		}
	}
}

func TestResultRoundTrip(t *testing.T) {
	for seed := range uint64(50) {
		result := Judge(disorder(t, seed).Snapshot, DefaultPolicy(), now)
		first := marshal(t, result)
		var again Result
		if err := json.Unmarshal([]byte(first), &again); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(marshal(t, again), first); diff != "" {
			t.Errorf("seed %d (-got +want):\n%s", seed, diff)
		}
	}
}

func TestDecodeSnapshotSpellings(t *testing.T) {
	const thumbprint = "E1BDF9AE58C93C75E76C9DD882138FB8FF0FA786"
	const text = `{"schema": 1, "takenAt": "\/Date(1795435200000)\/", "unknown": {"field": [1]},
		"authConfig": {"currentCertificateThumbprint": "\u200ee1 bd f9 ae 58c93c75e76c9dd882138fb8ff0fa786 ", "nextCertificateThumbprint": "", "nextCertificateEffectiveDate": null, "whenChangedUTC": "0001-01-01T00:00:00"},
		"servers": {"fqdn": "ex01", "certificates": {"rawData": "MA\r\nA=", "services": "IIS, SMTP", "hasPrivateKey": true}, "published": {"thumbprints": "e1bdf9ae58c93c75e76c9dd882138fb8ff0fa786", "httpStatus": 200}},
		"errors": {"stage": "s", "reason": "timeout", "message": "m"}}`
	want := &Snapshot{
		Schema: 1, TakenAt: At(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)),
		AuthConfig: &AuthConfig{CurrentCertificateThumbprint: thumbprint},
		Servers: List[Server]{{FQDN: "ex01", Certificates: List[Certificate]{{RawData: DER{0x30, 0}, Services: Services{"IIS", "SMTP"}, HasPrivateKey: new(true)}},
			Published: &Published{Thumbprints: List[Thumbprint]{thumbprint}, HTTPStatus: 200}}},
		Errors: List[Problem]{{Stage: "s", Reason: Timeout, Message: "m"}},
	}
	utf16le := []byte{0xff, 0xfe}
	for _, unit := range utf16.Encode([]rune(text)) {
		utf16le = binary.LittleEndian.AppendUint16(utf16le, unit)
	}
	for name, data := range map[string][]byte{
		"plain": []byte(text), "with a byte order mark": []byte("\xef\xbb\xbf" + text), "UTF-16 of Windows PowerShell": utf16le, "blanks around": []byte("\r\n " + text + "\r\n\n"),
	} {
		got, err := DecodeSnapshot(data)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(got, want); diff != "" {
			t.Errorf("%s (-got +want):\n%s", name, diff)
		}
	}
}

func TestDecodeSnapshotRefuses(t *testing.T) {
	inServer := func(text string) string { return `{"schema":1,"servers":[{"fqdn":"a",` + text + `}]}` }
	for text, want := range map[string]string{
		"": "the snapshot is empty", " \r\n": "the snapshot is empty", "\xef\xbb\xbf": "the snapshot is empty", "\xff\xfe": "the snapshot is empty",
		"null": "the snapshot is null", "{}": `it has no "schema"`, `{"schema":2}`: "snapshot schema 2: this version reads schema 1", `{"schema":-1}`: "schema -1",
		"{\n\"schema\": 1,\n\"servers\": [": "line 3: the JSON ends in the middle: was it cut off?", "{\n\n": "line 3: the JSON ends in the middle",
		"{\n\"schema\": 1\n\"servers\": []}": "line 3: not JSON", "nope": "line 1: not JSON", "\x1f\x8b": "line 1: not JSON",
		"{\"schema\":1}\n{\"schema\":1}": "line 2: more than one JSON document", "{\"schema\":1}\n\nx": "more than one JSON document",
		"[]": "a list where an object was expected in the snapshot", `"text"`: "a string where an object was expected in the snapshot",
		`{"schema":"1"}`: `a string where a whole number was expected in "schema"`, `{"schema":1,"authConfig":"x"}`: `a string where an object was expected in "authConfig"`,
		`{"schema":1,"servers":5}`: "a number where an object was expected", `{"schema":1,"servers":["a"]}`: "a string where an object was expected",
		`{"schema":1,"servers":[{"fqdn":5}]}`: "a number where a string was expected", `{"schema":1,"hybrid":{"configured":"yes"}}`: "a string where true or false was expected",
		`{"schema":1,"servers":[{"fqdn":"a"},{"fqdn":" "}]}`: "server 2 of 2 has no fqdn", `{"schema":1,"servers":[null]}`: "server 1 of 1 has no fqdn",
		`{"schema":1,"takenAt":5}`: "a number where a string was expected for date", `{"schema":1,"takenAt":"soon"}`: `date "soon": want ISO 8601`,
		`{"schema":1,"authConfig":{"nextCertificateThumbprint":"12"}}`: `thumbprint "12": want 40 hexadecimal digits`,
		inServer(`"certificates":[{"rawData":[48]}]`):                  "a list where a string was expected for rawData", inServer(`"certificates":[{"services":24}]`): "expected for services",
		inServer(`"certificates":[{"hasPrivateKey":1}]`): "a number where true or false was expected", inServer(`"error":[]`): "a list where an object was expected",
		inServer(`"published":{"httpStatus":"200"}`): "a string where a whole number was expected",
	} {
		snap, err := DecodeSnapshot([]byte(text))
		if err == nil || snap != nil {
			t.Errorf("%q: read as %+v, error %v", text, snap, err)
			continue
		}
		if got := err.Error(); !strings.Contains(got, want) || strings.Contains(got, "\n") || strings.Contains(got, "Go ") {
			t.Errorf("%q: error %q, want one line with %q", text, got, want)
		}
	}
}

func TestServices(t *testing.T) {
	for text, want := range map[string]Services{
		`null`: nil, `"None"`: {}, `""`: {}, `[]`: {}, `"IIS, SMTP"`: {"IIS", "SMTP"}, `["IIS","SMTP"]`: {"IIS", "SMTP"}, `["None"]`: {}, `"IIS,,smtp "`: {"IIS", "smtp"},
	} {
		got := Services{"before"}
		if err := json.Unmarshal([]byte(text), &got); err != nil {
			t.Errorf("%s: %v", text, err)
		}
		if diff := cmp.Diff(got, want); diff != "" {
			t.Errorf("%s (-got +want):\n%s", text, diff)
		}
	}
}

func TestDER(t *testing.T) {
	for text, want := range map[string]DER{`null`: nil, `""`: nil, `" "`: nil, `"MAA="`: {0x30, 0}, `"!"`: DER("!"), `"MAA"`: DER("MAA")} {
		got := DER("before")
		if err := json.Unmarshal([]byte(text), &got); err != nil || !cmp.Equal(got, want) {
			t.Errorf("%s: %q, %v, want %q", text, got, err, want)
		}
	}
}

// A server that is listed twice is judged once, on all that was found.
func TestDuplicatesAreMerged(t *testing.T) {
	again := func(change func(*org, *Server)) func(*org) {
		return func(o *org) {
			second := Server{FQDN: " EX02.contoso.com"}
			change(o, &second)
			o.Servers = append(o.Servers, second)
		}
	}
	judgeRows(t, []row{
		{name: "an error on either", change: again(func(_ *org, s *Server) { s.Error = &Problem{Reason: Timeout} }), want: []verdict{{"server-unreadable", Unknown, "ex02"}}},
		{name: "the certificates of both", change: again(func(o *org, s *Server) {
			s.Certificates = List[Certificate]{*o.entry(1, o.currentThumbprint())}
			o.drop(1, o.currentThumbprint())
		})},
		{name: "the second knows the key is missing", change: again(func(o *org, s *Server) {
			o.entry(1, o.currentThumbprint()).HasPrivateKey = nil
			s.Certificates = List[Certificate]{*o.entry(1, o.currentThumbprint())}
			s.Certificates[0].HasPrivateKey = new(false)
		}), want: []verdict{{"current-no-private-key", Critical, "ex02"}}},
		{name: "the second contradicts that there is a key", change: again(func(o *org, s *Server) {
			s.Certificates = List[Certificate]{*o.entry(1, o.currentThumbprint())}
			s.Certificates[0].HasPrivateKey = new(false)
		}), want: []verdict{{"current-no-private-key", Critical, "ex02"}}},
		{name: "the worse of two contradictions", change: again(func(o *org, s *Server) {
			s.Certificates = List[Certificate]{*o.entry(1, o.currentThumbprint())}
			o.entry(1, o.currentThumbprint()).PrivateKeyExportable = new(false)
			s.Certificates[0].KeyProvider = "cng"
		}), want: []verdict{{"current-key-unsuitable", Warning, "ex02"}, {"current-not-exportable", Warning, "ex02"}}},
		{name: "what the second uses", change: again(func(o *org, s *Server) {
			another(func(_ *spec, c *Certificate) { c.Services = nil })(o)
			s.Certificates = List[Certificate]{o.Servers[1].Certificates[2]}
			s.Certificates[0].Services = Services{"IIS"}
		}), want: []verdict{{"selfsigned-expired", Critical, "ex02"}}},
		{name: "what the second published", change: again(func(_ *org, s *Server) { s.Published = &Published{HTTPStatus: 500} }), want: []verdict{{"published-error", Critical, "ex02"}}},
		{name: "what the second served", change: again(func(_ *org, s *Server) { s.Served = List[Served]{{Port: 444}} }), want: []verdict{{"backend-unbound", Critical, "ex02"}}},
		{name: "the transport that the second knows", change: again(func(o *org, s *Server) {
			o.Servers[1].InternalTransportCertificateThumbprint = ""
			s.InternalTransportCertificateThumbprint = "AB"
		}), want: []verdict{{"transport-missing", Critical, "ex02"}}},
	})
	if got := fmt.Sprint(bothTrue(nil, nil)); got != "<nil>" {
		t.Errorf("nothing known twice gives %s", got)
	}
}
