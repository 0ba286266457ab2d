//go:build integration

package render_test

import (
	"cmp"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// TestIcinga2 runs the printed CheckCommand and Service in a real Icinga 2.
func TestIcinga2(t *testing.T) {
	need(t, "icinga2")
	i := startIcinga(t, "")
	for _, s := range bundled {
		compare(t, "Icinga", s.name, i.result(s.name).said(), i.direct(s.name, s.state))
	}
	i.arguments(t)
}

// arguments has every kind of option on one command line, and the passwords
// in the environment alone.
func (i *icinga) arguments(t *testing.T) {
	t.Helper()
	got := i.result("named")
	want := []string{
		i.path("check_exchange_authcert"), "--hostname", "127.0.0.1", "--hostname", "localhost", "--https", "--port", i.closed,
		"--state", "next-missing=ok", "--state", "server-unreadable=critical", "--username", `CONTOSO\monitor`,
		"--verbose=2", "--warning", "@10:20", "--critical", "5:",
	}
	if diff := gocmp.Diff(got.Command, want, cmpopts.SortSlices(strings.Compare)); diff != "" {
		t.Errorf("the command line: %s", diff)
	}
	if password := !i.byDirector; password != strings.Contains(got.Output, "unreachable") || got.State != 3 {
		t.Errorf("state %v, %q; with its password the program tries to reach the host", got.State, got.Output)
	}
	if got := i.result("secretless"); !strings.Contains(got.Output, "no account or no password") {
		t.Errorf("%q: without a variable there has to be no password", got.Output)
	}
	if got := i.result(icingaNode); !strings.HasPrefix(got.Output, "UNKNOWN - ") || !strings.Contains(got.Output, "PowerShell") {
		t.Errorf("%q: --local asks PowerShell, which is not here", got.Output)
	}
}

const icingaNode = "node"

// icinga is a real daemon with its API.
type icinga struct {
	bench
	closed string // a port where nobody listens
	// byDirector says that Director made the definitions: it knows no
	// environment for commands, so that no password gets through.
	byDirector bool
	url        string
	client     http.Client
}

// icingaResult is a check result as the API tells it.
type icingaResult struct {
	State   float64  `json:"state"`
	Output  string   `json:"output"`
	Data    []string `json:"performance_data"`
	Command []string `json:"command"`
}

func (r icingaResult) said() said {
	return said{int(r.State), trim(r.Output), values(strings.Join(r.Data, " "))}
}

// startIcinga starts it with these definitions, or with the printed ones.
func startIcinga(t *testing.T, definitions string) *icinga {
	t.Helper()
	port := freePort(t)
	i := &icinga{bench: newBench(t), closed: freePort(t), byDirector: definitions != "", url: "https://127.0.0.1:" + port}
	i.client.Timeout = 10 * time.Second
	i.client.Transport = &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}} // its CA was made for this run
	i.write("etc/exchange_authcert.conf", cmp.Or(definitions, i.printed("icinga2")))
	i.write("etc/icinga2.conf", i.config(port))
	for _, folder := range []string{"data/certs", "run", "cache", "spool", "log"} {
		i.write(folder+"/.keep", "")
	}
	var constants []string
	for name, value := range map[string]string{
		"ConfigDir": "etc", "DataDir": "data", "InitRunDir": "run", "CacheDir": "cache", "SpoolDir": "spool", "LogDir": "log", "VarsPath": "cache/vars",
		"StatePath": "data/state", "ModAttrPath": "data/modified", "PidPath": "run/pid", "ObjectsPath": "cache/objects",
	} {
		constants = append(constants, "-D"+name+"="+i.path(value))
	}
	command := func(args ...string) []string { return append(args, constants...) }
	certificate := i.path("data/certs/" + icingaNode)
	i.give("nagios") // every command of icinga2 gives up root
	i.run("icinga2", command("pki", "new-ca")...)
	i.run("icinga2", command("pki", "new-cert", "--cn", icingaNode, "--key", certificate+".key", "--csr", certificate+".csr")...)
	i.run("icinga2", command("pki", "sign-csr", "--csr", certificate+".csr", "--cert", certificate+".crt")...)
	i.run("cp", i.path("data/ca/ca.crt"), i.path("data/certs/ca.crt"))
	i.give("nagios")
	t.Log(i.run("icinga2", command("daemon", "-C", "-c", i.path("etc/icinga2.conf"))...))
	i.start("icinga2", command("daemon", "-c", i.path("etc/icinga2.conf"))...)
	return i
}

// config has a host for each snapshot and for each way of logging on; the
// printed Service is applied to all of them.
func (i *icinga) config(port string) string {
	var config strings.Builder
	fmt.Fprintf(&config, `const NodeName = "%[1]s"
const ZoneName = NodeName
const PluginContribDir = "%[2]s"
const PluginDir = PluginContribDir
include <itl>
object Endpoint NodeName { }
object Zone ZoneName { endpoints = [ NodeName ] }
object CheckerComponent "checker" { }
object ApiListener "api" { bind_host = "127.0.0.1"; bind_port = %[3]s }
object ApiUser "test" { password = "test"; permissions = [ "*" ] }
include "exchange_authcert.conf"
template Host "exchange" {
  check_command = "dummy"
}
object Host "secretless" {
  import "exchange"
  vars.exchange_authcert_hostname = "127.0.0.1"
  vars.exchange_authcert_username = "CONTOSO\\monitor"
}
object Host "named" {
  import "exchange"
  vars.exchange_authcert_hostname = [ "127.0.0.1", "localhost" ]
  vars.exchange_authcert_port = %[4]s
  vars.exchange_authcert_https = true
  vars.exchange_authcert_insecure = false
  vars.exchange_authcert_username = "CONTOSO\\monitor"
  vars.exchange_authcert_password = "one'Geheim"
  vars.exchange_authcert_verbose = 2
  vars.exchange_authcert_warning = "@10:20"
  vars.exchange_authcert_critical = "5:"
  vars.exchange_authcert_state = [ "next-missing=ok", "server-unreadable=critical" ]
}
object Host NodeName {
  import "exchange"
  zone = ZoneName
  vars.exchange_authcert_local = true
}
`, icingaNode, i.folder, port, i.closed)
	for _, s := range bundled {
		fmt.Fprintf(&config, `object Host "%s" {
  import "exchange"
  vars.exchange_authcert_snapshot = "%s"
  vars.exchange_authcert_at = "%s"
}
`, s.name, i.path(s.name+".json"), judgedOn)
	}
	return config.String()
}

// result has the host's service checked at once, and returns how that went.
func (i *icinga) result(host string) icingaResult {
	i.t.Helper()
	service := host + "!exchange-authcert"
	i.until("a check to be scheduled", func() (string, bool) {
		return i.ask(http.MethodPost, "/v1/actions/reschedule-check", `{"type": "Service", "service": "`+service+`", "force": true}`, nil)
	})
	var answer struct {
		Results []struct {
			Attrs struct {
				Last *icingaResult `json:"last_check_result"`
			} `json:"attrs"`
		} `json:"results"`
	}
	i.until("the check of "+host, func() (string, bool) {
		text, done := i.ask(http.MethodGet, "/v1/objects/services/"+service, "", &answer)
		return text, done && len(answer.Results) == 1 && answer.Results[0].Attrs.Last != nil
	})
	return *answer.Results[0].Attrs.Last
}

// ask asks the API; done is false when there was no good answer.
func (i *icinga) ask(method, path, body string, answer any) (text string, done bool) {
	i.t.Helper()
	request, err := http.NewRequestWithContext(i.t.Context(), method, i.url+path, strings.NewReader(body))
	if err != nil {
		i.t.Fatal(err)
	}
	request.SetBasicAuth("test", "test")
	request.Header.Set("Accept", "application/json")
	response, err := i.client.Do(request)
	if err != nil {
		return err.Error(), false
	}
	defer response.Body.Close()
	var raw json.RawMessage
	if err := json.NewDecoder(response.Body).Decode(&raw); err != nil {
		return err.Error(), false
	}
	if answer != nil && json.Unmarshal(raw, answer) != nil {
		return string(raw), false
	}
	return string(raw), response.StatusCode == http.StatusOK
}
