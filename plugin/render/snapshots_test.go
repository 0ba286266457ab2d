package render_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"flag"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"check_exchange_authcert/plugin/authcert"
)

var makeSnapshots = flag.Bool("make-snapshots", false, "make the bundled snapshots anew, with new certificates; then run with -update")

const snapshotFolder = "../../testdata/snapshots"

// takenAt is when the bundled snapshots were taken; they are judged a minute
// later.
var (
	takenAt  = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	judgedAt = takenAt.Add(time.Minute)
)

// contoso makes the organizations of the bundled snapshots. Keys are thrown
// away once their certificate is signed.
type contoso struct {
	t             *testing.T
	taken         time.Time // when the snapshot was
	current, next authcert.Certificate
}

// day is n days and some hours after the snapshot.
func (c contoso) day(n int) time.Time { return c.taken.AddDate(0, 0, n).Add(6 * time.Hour) }

func (c contoso) certificate(subject string, to time.Time, services ...string) authcert.Certificate {
	c.t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		c.t.Fatal(err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		c.t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: subject}, NotBefore: to.AddDate(-5, 0, 0), NotAfter: to,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		c.t.Fatal(err)
	}
	return authcert.Certificate{
		RawData: der, FriendlyName: subject, Services: append(authcert.Services{}, services...),
		HasPrivateKey: new(true), PrivateKeyExportable: new(true), KeyProvider: "csp",
	}
}

func (c contoso) server(name string, certificates ...authcert.Certificate) authcert.Server {
	transport := c.certificate(name, c.day(900), "IIS", "SMTP")
	wmsvc := c.certificate("WMSvc-SHA2-"+strings.ToUpper(name), c.day(2500))
	return authcert.Server{
		FQDN: name + ".contoso.com", AdminDisplayVersion: "Version 15.2 (Build 2562.17)", Site: "Berlin", Role: "mailbox",
		InternalTransportCertificateThumbprint: authcert.ThumbprintOf(transport.RawData),
		Certificates:                           append(authcert.List[authcert.Certificate]{transport, wmsvc}, certificates...),
	}
}

// organization has four servers with current and next on each.
func (c contoso) organization() *authcert.Snapshot {
	snap := &authcert.Snapshot{
		Schema: authcert.Schema, TakenAt: authcert.At(c.taken), Origin: authcert.Origin{Kind: "winrm", Host: "ex01.contoso.com", Via: "exchange"},
		AuthConfig: &authcert.AuthConfig{
			CurrentCertificateThumbprint: authcert.ThumbprintOf(c.current.RawData), ServiceName: authcert.ExchangeServiceName,
			WhenChangedUTC: authcert.At(c.day(-20)), OriginatingServer: "dc01.contoso.com",
		},
		Hybrid: &authcert.Hybrid{Configured: new(true), DedicatedApp: new(true)},
	}
	installed := []authcert.Certificate{c.current}
	if c.next.RawData != nil {
		installed = append(installed, c.next)
		snap.AuthConfig.NextCertificateThumbprint = authcert.ThumbprintOf(c.next.RawData)
	}
	for _, name := range []string{"ex01", "ex02", "ex03", "ex04"} {
		snap.Servers = append(snap.Servers, c.server(name, installed...))
	}
	return snap
}

const authSubject = "Microsoft Exchange Server Auth Certificate"

func (c contoso) with(current, next int) contoso {
	c.current = c.certificate(authSubject, c.day(current))
	if next != 0 {
		c.next = c.certificate(authSubject, c.day(next))
	}
	return c
}

func (c contoso) healthy() *authcert.Snapshot { return c.with(412, 0).organization() }

func (c contoso) expiring() *authcert.Snapshot { return c.with(45, 0).organization() }

func (c contoso) rollover() *authcert.Snapshot {
	snap := c.with(29, 1826).organization()
	snap.AuthConfig.NextCertificateEffectiveDate = authcert.At(c.day(8))
	return snap
}

// trouble is an organization on a bad day.
func (c contoso) trouble() *authcert.Snapshot {
	c = c.with(-4, 1800)
	snap := c.organization()
	snap.AuthConfig.NextCertificateEffectiveDate = authcert.At(c.day(4))
	snap.Servers[1] = authcert.Server{FQDN: "ex02.contoso.com", AdminDisplayVersion: "Version 15.2 (Build 2562.17)", Role: "mailbox",
		Error: &authcert.Problem{Stage: authcert.StageCertificate, Reason: authcert.Unreachable, Message: "the RPC server is unavailable"}}
	snap.Servers[2] = c.server("ex03", c.next)
	snap.Servers[3] = c.server("ex04", c.current)
	return snap
}

func (c contoso) unknown() *authcert.Snapshot {
	snap := &authcert.Snapshot{Schema: authcert.Schema, TakenAt: authcert.At(c.taken), Origin: authcert.Origin{Kind: "winrm", Host: "ex01.contoso.com"}}
	snap.Errors = append(snap.Errors, authcert.Problem{Stage: authcert.StageAuthConfig, Reason: authcert.AccessDenied, Message: "the account may not run Get-AuthConfig"},
		authcert.Problem{Stage: authcert.StageServers, Reason: authcert.AccessDenied, Message: "the account may not run Get-ExchangeServer"})
	return snap
}

// hostile has every text that comes from outside chosen by an attacker.
func (c contoso) hostile() *authcert.Snapshot {
	const evil = "x'; Remove-Mailbox -Identity \u2019*\u2019 | current_days=9999;1;1\n\x1b[2J<script>alert(1)</script>\u202e\x00\r\nOK - fine"
	c.current = c.certificate(evil, c.day(3))
	snap := c.organization()
	for i := range snap.Servers {
		snap.Servers[i].FQDN = evil + string(rune('a'+i))
		snap.Servers[i].Site = evil
	}
	snap.Servers[1].Error = &authcert.Problem{Stage: evil, Reason: authcert.Reason(evil), Message: evil}
	snap.Servers[2].Certificates = snap.Servers[2].Certificates[:2]
	snap.AuthConfig.ServiceName, snap.AuthConfig.Realm, snap.AuthConfig.OriginatingServer = evil, evil, evil
	snap.OtherAuthConfigs = append(snap.OtherAuthConfigs, authcert.AuthConfig{OriginatingServer: evil})
	snap.Errors = append(snap.Errors, authcert.Problem{Stage: evil, Message: evil, Hint: evil})
	return snap
}

func TestMakeSnapshots(t *testing.T) {
	if !*makeSnapshots {
		t.Skip("the bundled snapshots are made anew only with -make-snapshots")
	}
	c := contoso{t: t, taken: takenAt}
	for name, snap := range map[string]*authcert.Snapshot{
		"healthy": c.healthy(), "expiring": c.expiring(), "rollover": c.rollover(),
		"trouble": c.trouble(), "unknown": c.unknown(), "hostile": c.hostile(),
	} {
		data, err := json.MarshalIndent(snap, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(snapshotFolder, name+".json"), append(data, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
