package main

import (
	"crypto/tls"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"
	"github.com/rogpeppe/go-internal/testscript"

	"check_exchange_authcert/plugin/authcert"
)

// domain starts a domain controller: "domain NAME 0:THUMBPRINT,1:… SERVER…" sets
// $NAME to its URL and $NAME_CA to a file that trusts it, and whom the script
// has started before.
func domain(ts *testscript.TestScript, _ bool, args []string) {
	certificate := peer(ts, time.Hour)
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{certificate}})
	ts.Check(err)
	ts.Defer(func() { listener.Close() })
	go accept(listener, contoso(strings.Split(args[1], ","), args[2:]).serve)
	known, err := filepath.Glob(ts.MkAbs("*.pem"))
	ts.Check(err)
	trusted := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Certificate[0]})
	for _, file := range known {
		data, err := os.ReadFile(file)
		ts.Check(err)
		trusted = append(trusted, data...)
	}
	path := ts.MkAbs(args[0] + ".trusted")
	ts.Check(os.WriteFile(path, trusted, 0o600))
	ts.Setenv(args[0], "ldaps://"+listener.Addr().String())
	ts.Setenv(args[0]+"_CA", path)
}

// contoso is a directory with these thumbprints of AuthConfig ("0:…", "1:…" and
// "2:…") and these servers. It lets everybody log on who has the password.
func contoso(thumbprints, servers []string) controller {
	const configuration = "CN=Configuration,DC=contoso,DC=com"
	const organization = "CN=Contoso,CN=Microsoft Exchange,CN=Services," + configuration
	return func(request, password string) (found []entry, refused *refusal) {
		switch request {
		case "bind":
			if password != "Geheim" {
				return nil, &refusal{code: ldap.LDAPResultInvalidCredentials}
			}
		case "*":
			return []entry{{"", map[string][]string{"configurationNamingContext": {configuration}, "dnsHostName": {"dc01.contoso.com"}}}}, nil
		case "msExchOrganizationContainer":
			return []entry{{organization, nil}}, nil
		case "msExchAuthAuthConfig":
			return []entry{{"CN=Auth Configuration," + organization, map[string][]string{
				"msExchAuthCertificateThumbprint": thumbprints, "msExchAuthApplicationIdentifier": {authcert.ExchangeServiceName}}}}, nil
		case "msExchExchangeServer":
			for _, server := range servers {
				found = append(found, entry{"CN=" + server + ",CN=Servers," + organization, map[string][]string{
					"networkAddress": {"ncacn_ip_tcp:" + server}, "serialNumber": {"Version 15.2 (Build 32562.17)"}, "msExchCurrentServerRoles": {"16439"}}})
			}
		}
		return found, nil
	}
}
