//go:build integration

package source_test

import (
	"context"
	"testing"
	"time"

	"check_exchange_authcert/plugin/source"
	"check_exchange_authcert/plugin/wsman"
	"check_exchange_authcert/plugin/wsman/wsmantest"
)

const labUser = "monitor"

func startLab(t *testing.T) *wsmantest.Lab {
	t.Helper()
	return wsmantest.StartLab(t, wsmantest.LabAccount{Domain: "CONTOSO", User: labUser, Password: password})
}

// ofLab asks a host of the lab at Exchange's endpoint.
func ofLab(l *wsmantest.Lab, h *wsmantest.LabHost) source.Remoting {
	return source.Remoting{Now: time.Now(), Endpoint: wsman.Config{
		URL: h.URL + "/PowerShell/", Auth: wsman.AuthKerberos, Username: labUser + "@" + wsmantest.LabRealm, Password: wsman.NewSecret(password),
		Kerberos: wsman.Kerberos{KDCs: []string{l.KDC}}, TLS: wsman.TLS{CAFile: h.CAFile},
	}}
}

func TestIntegrationTrial(t *testing.T) {
	l := startLab(t)
	h := l.Host(t, false, "--export", shared(t, "realdata/exchange/contoso-lab"))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Second)
	defer cancel()
	snap, err := ofLab(l, h).Snapshot(ctx)
	t.Logf("%+v %v %+v", snap, err, h.Count(t))
	if snap != nil {
		for _, s := range snap.Servers {
			t.Logf("%s %s %s %s %d %+v", s.FQDN, s.Role, s.AdminDisplayVersion, s.Site, len(s.Certificates), s.Error)
		}
	}
}
