//go:build integration && linux

package source

import (
	"testing"
	"time"

	"check_exchange_authcert/plugin/wsman"
	"check_exchange_authcert/plugin/wsman/wsmantest"
)

// TestSambaAsKDC has the tickets for a Windows host come from a domain
// controller, with the account's authorization data in them: for a Windows
// Remote Shell, and for Exchange's own endpoint.
func TestSambaAsKDC(t *testing.T) {
	const secret = "Geheim-Pass1!"
	export := collectorShared(t, "realdata", "exchange", "contoso-lab")
	lab := wsmantest.StartLab(t, wsmantest.LabAccount{Domain: "EXAMPLE", User: "monitor", Password: secret})
	s := newSamba(t)
	settings := s.dir + "/dc/etc/smb.conf"
	for _, user := range []string{"monitor", "websvc"} {
		s.inside("samba-tool", "user", "create", user, secret, "-s", settings)
	}
	s.modify("dn: CN=websvc,CN=Users," + sambaRoot + "\nchangetype: modify\nadd: servicePrincipalName\nservicePrincipalName: HTTP/localhost\n-\n" +
		"replace: msDS-SupportedEncryptionTypes\nmsDS-SupportedEncryptionTypes: 24\n\n")
	s.inside("samba-tool", "user", "setpassword", "websvc", "--newpassword="+secret, "-s", settings) // makes the AES keys
	lab.Env = append(lab.Env, "KRB5_KTNAME="+s.keytab("websvc"))
	s.start()

	host := lab.Host(t, false, "--export", export)
	config := func(path string) wsman.Config {
		return wsman.Config{URL: host.URL + path, Auth: wsman.AuthKerberos, Username: "monitor@" + sambaRealm, Password: wsman.NewSecret(secret), Kerberos: wsman.Kerberos{KDCs: []string{s.address}}}
	}
	t.Run("Windows Remote Shell", func(t *testing.T) {
		conversation, err := wsman.New(config("/wsman"))
		check(t, err)
		defer conversation.Close()
		shell := &remoteShell{ctx: t.Context(), conversation: conversation}
		defer shell.close()
		stdout, stderr, err := shell.run(windowsPowerShell+` -NoLogo -NoProfile -NonInteractive -Command "[Console]::Out.Write('got ' + [Console]::In.ReadToEnd())"`, "a line")
		if err != nil || string(stdout) != "got a line" {
			t.Errorf("%q, %q, %v; want the line back", stdout, stderr, err)
		}
	})
	t.Run("Exchange", func(t *testing.T) {
		snap, err := Remoting{Endpoint: config("/PowerShell/"), Now: time.Now()}.Snapshot(t.Context())
		if err != nil || snap.AuthConfig == nil || len(snap.Servers) != 2 {
			t.Errorf("%+v, %v; want AuthConfig and two servers", snap, err)
		}
	})
	if c := host.Count(t); c.Logons != 2 || c.Shells != 0 || c.Processes != 0 || c.ClearBodies != 0 {
		t.Errorf("%+v: want two logons, nothing left behind and nothing in clear", c)
	}
}
