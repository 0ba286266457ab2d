package main

import (
	"crypto/tls"
	"encoding/pem"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
	"github.com/rogpeppe/go-internal/testscript"

	"check_exchange_authcert/plugin/authcert"
)

// domainController is a directory over TLS, as far as the program's wiring needs
// one: it lets everybody log on who has the password, and answers searches for
// a class.
type domainController struct {
	thumbprints []string // of AuthConfig: "0:…", "1:…" and "2:…"
	servers     []string
}

// domain starts a domain controller: "domain NAME 0:THUMBPRINT,1:… SERVER…" sets
// $NAME to its URL and $NAME_CA to a file that trusts it, and whom the script
// has started before.
func domain(ts *testscript.TestScript, _ bool, args []string) {
	certificate := peer(ts, time.Hour)
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{certificate}})
	ts.Check(err)
	ts.Defer(func() { listener.Close() })
	dc := domainController{strings.Split(args[1], ","), args[2:]}
	go dc.accept(listener)
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

func (dc domainController) accept(listener net.Listener) {
	for {
		connection, err := listener.Accept()
		if err != nil {
			return
		}
		go func() {
			defer connection.Close()
			for {
				request, err := ber.ReadPacket(connection)
				if err != nil || len(request.Children) < 2 || !dc.answer(connection, request.Children[0].Value.(int64), request.Children[1]) {
					return
				}
			}
		}()
	}
}

// answer answers one request; false ends the connection.
func (dc domainController) answer(connection net.Conn, id int64, request *ber.Packet) bool {
	send := func(tag ber.Tag, parts ...*ber.Packet) {
		body := ber.Encode(ber.ClassApplication, ber.TypeConstructed, tag, nil, "")
		for _, part := range parts {
			body.AppendChild(part)
		}
		envelope := ber.NewSequence("")
		envelope.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, id, ""))
		envelope.AppendChild(body)
		_, _ = connection.Write(envelope.Bytes())
	}
	result := func(code int) []*ber.Packet {
		return []*ber.Packet{ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagEnumerated, code, ""), octetString(""), octetString("")}
	}
	switch request.Tag {
	case ldap.ApplicationBindRequest:
		code := 0
		if request.Children[2].Data.String() != "Geheim" {
			code = ldap.LDAPResultInvalidCredentials
		}
		send(ldap.ApplicationBindResponse, result(code)...)
		return true
	case ldap.ApplicationSearchRequest:
		class := ""
		if filter := request.Children[6]; len(filter.Children) == 2 {
			class = filter.Children[1].Value.(string)
		}
		for dn, attributes := range dc.entries(class) {
			list := ber.NewSequence("")
			for name, values := range attributes {
				list.AppendChild(attributeOf(name, values))
			}
			send(ldap.ApplicationSearchResultEntry, octetString(dn), list)
		}
		send(ldap.ApplicationSearchResultDone, result(0)...)
		return true
	}
	return false
}

// entries are the objects of a class by DN; no class is the root entry.
func (dc domainController) entries(class string) map[string]map[string][]string {
	const configuration = "CN=Configuration,DC=contoso,DC=com"
	const organization = "CN=Contoso,CN=Microsoft Exchange,CN=Services," + configuration
	found := map[string]map[string][]string{}
	switch class {
	case "":
		found[""] = map[string][]string{"configurationNamingContext": {configuration}, "dnsHostName": {"dc01.contoso.com"}}
	case "msExchOrganizationContainer":
		found[organization] = nil
	case "msExchAuthAuthConfig":
		found["CN=Auth Configuration,"+organization] = map[string][]string{
			"msExchAuthCertificateThumbprint": dc.thumbprints, "msExchAuthApplicationIdentifier": {authcert.ExchangeServiceName}}
	case "msExchExchangeServer":
		for _, server := range dc.servers {
			found["CN="+server+",CN=Servers,"+organization] = map[string][]string{
				"networkAddress": {"ncacn_ip_tcp:" + server}, "serialNumber": {"Version 15.2 (Build 32562.17)"}, "msExchCurrentServerRoles": {"16439"}}
		}
	}
	return found
}

func attributeOf(name string, values []string) *ber.Packet {
	set := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSet, nil, "")
	for _, value := range values {
		set.AppendChild(octetString(value))
	}
	both := ber.NewSequence("")
	both.AppendChild(octetString(name))
	both.AppendChild(set)
	return both
}

func octetString(text string) *ber.Packet {
	return ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, text, "")
}
