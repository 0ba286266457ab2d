package source

import (
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"check_exchange_authcert/plugin/authcert"
	"check_exchange_authcert/plugin/wsman/wsmantest"
)

// organization is one of two servers in a known state, which every peer of the
// soak can tell in its own form.
type organization struct {
	status       authcert.Status // the verdict on it
	current, own tls.Certificate // the Auth Certificate, and the one that both servers serve
	unreadable   bool            // ex02 does not tell its certificates
}

// soakTime is when it is judged.
var soakTime = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// organizations has one of each state.
func organizations(t testing.TB) []*organization {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048) // which is what the rules want
	if err != nil {
		t.Fatal(err)
	}
	own := peerCertificate(t, key, nil, soakTime.AddDate(2, 0, 0), "ex01.contoso.com")
	var all []*organization
	for _, row := range []struct {
		status     authcert.Status
		days       int
		unreadable bool
	}{{authcert.OK, 500, false}, {authcert.Warning, 45, false}, {authcert.Critical, -3, false}, {authcert.Unknown, 500, true}} {
		current := peerCertificate(t, key, nil, soakTime.AddDate(0, 0, row.days), "Microsoft Exchange Server Auth Certificate")
		all = append(all, &organization{row.status, current, own, row.unreadable})
	}
	return all
}

var soakServers = []string{"ex01.contoso.com", "ex02.contoso.com"}

// hides tells whether a server does not tell its certificates.
func (o *organization) hides(server string) bool { return o.unreadable && server == soakServers[1] }

// snapshot is the organization as a source would bring it.
func (o *organization) snapshot() *authcert.Snapshot {
	snap := &authcert.Snapshot{
		Schema: authcert.Schema, TakenAt: authcert.At(soakTime), Hybrid: &authcert.Hybrid{Configured: new(true)},
		AuthConfig: &authcert.AuthConfig{CurrentCertificateThumbprint: authcert.ThumbprintOf(o.current.Certificate[0]), ServiceName: authcert.ExchangeServiceName},
	}
	for _, name := range soakServers {
		s := authcert.Server{FQDN: name, Role: "mailbox", AdminDisplayVersion: "Version 15.2 (Build 2562.17)"}
		for _, c := range []tls.Certificate{o.current, o.own} {
			s.Certificates = append(s.Certificates, authcert.Certificate{RawData: c.Certificate[0], HasPrivateKey: new(true)})
		}
		if o.hides(name) {
			s.Certificates, s.Error = nil, &authcert.Problem{Reason: authcert.Unreachable, Message: "RPC"}
		}
		snap.Servers = append(snap.Servers, s)
	}
	return snap
}

// fact is a property of an object, or an entry of a dictionary, in CLIXML:
// its element there, its name and its text.
type fact struct{ element, name, text string }

func (f fact) write(name string) string {
	return fmt.Sprintf(`<%s N="%s">%s</%s>`, f.element, name, f.text, f.element)
}

// properties are facts as an object has them.
func properties(facts ...fact) string {
	var all strings.Builder
	for _, f := range facts {
		all.WriteString(f.write(f.name))
	}
	return `<Obj RefId="0"><Props>` + all.String() + `</Props></Obj>`
}

// entries are facts as a dictionary has them.
func entries(facts ...fact) string {
	var all strings.Builder
	for _, f := range facts {
		all.WriteString(`<En><S N="Key">` + f.name + `</S>` + f.write("Value") + `</En>`)
	}
	return `<Obj RefId="0"><DCT>` + all.String() + `</DCT></Obj>`
}

// member is a fact that is an object or a list.
func member(name, inner string) fact {
	return fact{"Obj", name, inner}
}

func (o *organization) authConfig() []fact {
	return []fact{{"S", "CurrentCertificateThumbprint", string(authcert.ThumbprintOf(o.current.Certificate[0]))}, {"S", "ServiceName", authcert.ExchangeServiceName}}
}

func (o *organization) certificates() (all [][]fact) {
	for _, c := range []tls.Certificate{o.current, o.own} {
		all = append(all, []fact{{"BA", "RawData", base64.StdEncoding.EncodeToString(c.Certificate[0])}, {"B", "HasPrivateKey", "true"}})
	}
	return all
}

// cmdlet plays Exchange's cmdlets.
func (o *organization) cmdlet(c wsmantest.Cmdlet) wsmantest.CmdletResult {
	var output []string
	switch c.Name {
	case "Get-AuthConfig":
		output = append(output, properties(o.authConfig()...))
	case "Get-ExchangeServer":
		for _, name := range soakServers {
			output = append(output, properties(fact{"S", "Fqdn", name}, fact{"S", "AdminDisplayVersion", "Version 15.2 (Build 2562.17)"}, fact{"S", "ServerRole", "Mailbox"}))
		}
	case "Get-ExchangeCertificate":
		if o.hides(c.Parameters["Server"]) {
			return wsmantest.CmdletResult{Failure: `<Obj RefId="0"><ToString>RPC</ToString></Obj>`}
		}
		for _, facts := range o.certificates() {
			output = append(output, properties(facts...))
		}
	}
	return wsmantest.CmdletResult{Output: output}
}

// collected plays powershell.exe with the collector.
func (o *organization) collected(c wsmantest.Command) wsmantest.Result {
	line, err := io.ReadAll(c.Stdin)
	parameters, decodeErr := base64.StdEncoding.DecodeString(strings.TrimSpace(string(line)))
	if err != nil || decodeErr != nil {
		return wsmantest.Result{ExitCode: 1}
	}
	_, nonce, _ := strings.Cut(string(parameters), "nonce=")
	nonce, _, _ = strings.Cut(nonce, "\n")
	var zipped bytes.Buffer
	writer := gzip.NewWriter(&zipped)
	fmt.Fprintf(writer, `<Objs Version="1.1.0.1" xmlns="http://schemas.microsoft.com/powershell/2004/04">%s</Objs>`, o.document())
	writer.Close()
	mark := "AUTHCERT " + nonce + "-----\r\n"
	return wsmantest.Result{Stdout: []byte("-----BEGIN " + mark + base64.StdEncoding.EncodeToString(zipped.Bytes()) + "\r\n-----END " + mark)}
}

// document is what the collector serializes.
func (o *organization) document() string {
	inner := func(object string) string { // the content of an <Obj>
		return strings.TrimSuffix(strings.TrimPrefix(object, `<Obj RefId="0">`), `</Obj>`)
	}
	var servers, certificates strings.Builder
	for _, facts := range o.certificates() {
		certificates.WriteString(entries(facts...))
	}
	for _, name := range soakServers {
		facts := []fact{{"S", "fqdn", name}, {"S", "role", "mailbox"}, {"S", "adminDisplayVersion", "Version 15.2 (Build 2562.17)"}}
		if o.hides(name) {
			facts = append(facts, member("error", inner(entries(fact{"S", "reason", "unreachable"}, fact{"S", "message", "RPC"}))))
		} else {
			facts = append(facts, member("certificates", `<LST>`+certificates.String()+`</LST>`))
		}
		servers.WriteString(entries(facts...))
	}
	return entries(fact{"I32", "schema", "1"}, fact{"DT", "takenAt", soakTime.Format(time.RFC3339)},
		member("authConfig", inner(entries(o.authConfig()...))), member("servers", `<LST>`+servers.String()+`</LST>`))
}

// exports are the files of an Export-Clixml folder.
func (o *organization) exports() map[string]string {
	files := map[string]string{}
	add := func(name string, objects ...string) {
		files[name] = `<Objs Version="1.1.0.1" xmlns="http://schemas.microsoft.com/powershell/2004/04">` + strings.Join(objects, "") + `</Objs>`
	}
	add("AuthConfig.xml", o.cmdlet(wsmantest.Cmdlet{Name: "Get-AuthConfig"}).Output...)
	add("ExchangeServer.xml", o.cmdlet(wsmantest.Cmdlet{Name: "Get-ExchangeServer"}).Output...)
	for _, name := range soakServers {
		if !o.hides(name) {
			add("ExchangeCertificate-"+name+".xml", o.cmdlet(wsmantest.Cmdlet{Name: "Get-ExchangeCertificate", Parameters: map[string]string{"Server": name}}).Output...)
		}
	}
	return files
}
