package authcert

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// org is an organization of three servers, ex01 to ex03, that a test changes.
type org struct {
	*Snapshot
	t testing.TB
}

func newOrg(t testing.TB) *org {
	t.Helper()
	return &org{Snapshot: organization(t, "ex01", "ex02", "ex03"), t: t}
}

// authCertificate makes an Auth Certificate from a spec, with all that is known
// of a good key.
func authCertificate(t testing.TB, s spec) Certificate {
	t.Helper()
	return Certificate{RawData: s.der(t), HasPrivateKey: new(true), PrivateKeyExportable: new(true), KeyProvider: "csp"}
}

// until makes an Auth Certificate that ends at an instant.
func until(t testing.TB, to time.Time) Certificate {
	t.Helper()
	return authCertificate(t, spec{from: to.AddDate(-5, 0, 0), to: to, serial: to.Unix()})
}

// setCurrent replaces the current certificate everywhere.
func (o *org) setCurrent(cert Certificate) {
	old := o.AuthConfig.CurrentCertificateThumbprint
	o.AuthConfig.CurrentCertificateThumbprint = ThumbprintOf(cert.RawData)
	for i := range o.Servers {
		for j := range o.Servers[i].Certificates {
			if ThumbprintOf(o.Servers[i].Certificates[j].RawData) == old {
				o.Servers[i].Certificates[j] = cert
			}
		}
	}
}

// setNext installs a next certificate everywhere.
func (o *org) setNext(cert Certificate, effective time.Time) {
	o.AuthConfig.NextCertificateThumbprint = ThumbprintOf(cert.RawData)
	o.AuthConfig.NextCertificateEffectiveDate = At(effective)
	o.installEverywhere(cert)
}

func (o *org) installEverywhere(cert Certificate) {
	for i := range o.Servers {
		o.install(i, cert)
	}
}

func (o *org) install(server int, cert Certificate) {
	s := &o.Servers[server]
	s.Certificates = append(slices.Clip(s.Certificates), cert)
}

func (o *org) currentThumbprint() Thumbprint { return o.AuthConfig.CurrentCertificateThumbprint }
func (o *org) nextThumbprint() Thumbprint    { return o.AuthConfig.NextCertificateThumbprint }

// drop takes a certificate off a server.
func (o *org) drop(server int, thumbprint Thumbprint) {
	s := &o.Servers[server]
	s.Certificates = slices.DeleteFunc(slices.Clone(s.Certificates), func(c Certificate) bool { return ThumbprintOf(c.RawData) == thumbprint })
}

// entry is a certificate on a server, to be changed.
func (o *org) entry(server int, thumbprint Thumbprint) *Certificate {
	for i := range o.Servers[server].Certificates {
		if c := &o.Servers[server].Certificates[i]; ThumbprintOf(c.RawData) == thumbprint {
			return c
		}
	}
	o.t.Fatalf("%s is not on server %d", thumbprint, server)
	return nil
}

// own is the self-signed certificate that setup gave a server.
func (o *org) own(server int) *Certificate {
	return o.entry(server, o.Servers[server].InternalTransportCertificateThumbprint)
}

func (o *org) unreadable(server int, reason Reason) {
	o.Servers[server].Certificates = nil
	o.Servers[server].Error = &Problem{Stage: StageCertificate, Reason: reason, Message: "the RPC server is unavailable"}
}

// verdict is what the tables compare of a finding.
type verdict struct {
	ID     string
	Status Status
	Server string
}

func verdicts(findings []Finding) []verdict {
	var all []verdict
	for _, f := range findings {
		short, _, _ := strings.Cut(f.Server, ".")
		all = append(all, verdict{f.ID, f.Status, short})
	}
	return all
}

// row is one case of a rule: what is changed in a sound organization, and all
// the findings that follow. Words are looked for in the first one's message, and
// absent ones must not be there.
type row struct {
	name   string
	change func(*org)
	policy func(*Policy)
	want   []verdict
	words  []string
	absent []string
}

// judgeOnly judges facts, and sees that they are none other afterwards.
func judgeOnly(t *testing.T, snap *Snapshot, policy Policy) Result {
	t.Helper()
	before, err := json.Marshal(snap)
	if err != nil {
		t.Fatal(err)
	}
	result := Judge(snap, policy, now)
	if after, err := json.Marshal(snap); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the facts were changed (%v):\n%s\n%s", err, before, after)
	}
	return result
}

func judgeRows(t *testing.T, rows []row) {
	t.Helper()
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			o := newOrg(t)
			if r.change != nil {
				r.change(o)
			}
			policy := DefaultPolicy()
			if r.policy != nil {
				r.policy(&policy)
			}
			result := judgeOnly(t, o.Snapshot, policy)
			if diff := cmp.Diff(verdicts(result.Findings), r.want); diff != "" {
				t.Fatalf("findings (-got +want):\n%s", diff)
			}
			checkResult(t, result)
			for _, word := range r.words {
				if got := result.Findings[0].Message; !strings.Contains(got, word) {
					t.Errorf("message %q lacks %q", got, word)
				}
			}
			for _, word := range r.absent {
				if got := result.Findings[0].Message; strings.Contains(got, word) {
					t.Errorf("message %q has %q", got, word)
				}
			}
		})
	}
}

// checkResult holds for every result of an organization with harmless names.
func checkResult(t testing.TB, result Result) {
	t.Helper()
	if line := result.Status.String() + " - " + result.Summary; len([]rune(line)) >= 160 || result.Summary == "" || strings.ContainsAny(line, "\r\n") {
		t.Errorf("first line of %d characters: %q", len([]rune(line)), line)
	}
	worst := OK
	for i, f := range result.Findings {
		worst = Worst(worst, f.Status)
		if i > 0 && f.Status.severity() > result.Findings[i-1].Status.severity() {
			t.Errorf("finding %d, %s, is worse than the one before it", i, f.ID)
		}
		if strings.ContainsAny(f.Remedy, "|<>") || strings.Contains(f.Remedy, "%!") || strings.TrimSpace(f.Remedy) == "" {
			t.Errorf("%s: remedy %q", f.ID, f.Remedy)
		}
		if strings.Contains(f.Message, "%!") || strings.Contains(f.Message, "unknown,") || f.Message == "" || f.Reference == "" || f.Facet == "" {
			t.Errorf("%s is incomplete: %+v", f.ID, f)
		}
	}
	if result.Status.severity() < worst.severity() {
		t.Errorf("status %s with a finding that is %s", result.Status, worst)
	}
	if result.StatusCode != result.Status.Code() {
		t.Errorf("statusCode %d, want %d for %s", result.StatusCode, result.Status.Code(), result.Status)
	}
}
