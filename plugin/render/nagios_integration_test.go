//go:build integration

package render_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// debianPlugins is where Debian has plugins; the printed definition for NRPE
// says so.
const debianPlugins = "/usr/lib/nagios/plugins"

// TestNagios runs the printed commands and the printed service in a real
// Nagios, the one for NRPE with a real NRPE behind it.
func TestNagios(t *testing.T) {
	need(t, "nagios4", "nrpe", debianPlugins+"/check_nrpe")
	b := newBench(t)
	nrpe, closed := startNRPE(b), freePort(t)
	objects := b.printed("nagios")
	b.write("printed.cfg", strings.Replace(objects, "check_nrpe -H", "check_nrpe -p "+nrpe+" -H", 1))
	b.write("services.cfg", nagiosServices(b, closed))
	b.write("resource.cfg", "$USER1$="+b.folder+"\n$USER5$=CONTOSO\\monitor\n$USER6$=a secret\n")
	b.write("nagios.cfg", nagiosConfig(b.folder))
	for _, folder := range []string{"var", "results"} {
		b.write(folder+"/.keep", "")
	}
	b.run("cp", debianPlugins+"/check_nrpe", b.folder)
	b.give("nagios")
	t.Log(b.run("nagios4", "-v", b.path("nagios.cfg")))
	b.start("nagios4", b.path("nagios.cfg"))
	checked := map[string]map[string]string{}
	b.until("every service to be checked", func() (string, bool) {
		checked = nagiosStatus(b)
		return fmt.Sprint(checked), len(checked) == len(bundled)+3
	})
	for _, s := range bundled {
		status := checked[s.name]
		state, _ := strconv.Atoi(status["current_state"])
		long := strings.NewReplacer(`\\`, `\`, `\n`, "\n").Replace(status["long_plugin_output"])
		want := b.direct(s.name, s.state)
		first, rest, _ := strings.Cut(want.Text, "\n")
		want.Text = trim(strings.ReplaceAll(first, ";", ":") + "\n" + rest) // so does Nagios, whose log has fields between semicolons
		compare(t, "Nagios", s.name, said{state, trim(status["plugin_output"] + "\n" + long), values(status["performance_data"])}, want)
	}
	for service, want := range map[string]string{
		"Exchange Auth Certificate": "UNKNOWN - ", // ex01.contoso.com
		"password":                  "unreachable",
		"nrpe":                      "/etc/nagios/exchange_authcert.credentials",
	} {
		if got := checked[service]; got["current_state"] != "3" || !strings.Contains(got["plugin_output"], want) {
			t.Errorf("%s: state %s, %q; want UNKNOWN and %q", service, got["current_state"], got["plugin_output"], want)
		}
	}
}

// nagiosServices are those that the printed definitions leave to the user.
func nagiosServices(b bench, closed string) string {
	var text strings.Builder
	fmt.Fprint(&text, "define host {\n use generic-host\n host_name here\n address 127.0.0.1\n max_check_attempts 3\n}\n")
	service := func(name, command string) {
		fmt.Fprintf(&text, "define service {\n use generic-service\n host_name here\n service_description %s\n check_command %s\n}\n", name, command)
	}
	service("password", "check_exchange_authcert!--port "+closed)
	service("nrpe", "check_exchange_authcert_nrpe")
	for _, s := range bundled {
		service(s.name, "check_exchange_authcert_snapshot!"+b.path(s.name+".json")+"!--at "+judgedOn)
	}
	return text.String()
}

// nagiosConfig has Debian's templates, the printed definitions and seconds
// instead of minutes.
func nagiosConfig(folder string) string {
	return strings.ReplaceAll(`cfg_file=/etc/nagios4/objects/templates.cfg
cfg_file=/etc/nagios4/objects/commands.cfg
cfg_file=/etc/nagios4/objects/contacts.cfg
cfg_file=/etc/nagios4/objects/timeperiods.cfg
cfg_file=FOLDER/printed.cfg
cfg_file=FOLDER/services.cfg
resource_file=FOLDER/resource.cfg
log_file=FOLDER/var/nagios.log
object_cache_file=FOLDER/var/objects
precached_object_file=FOLDER/var/precached
status_file=FOLDER/var/status
state_retention_file=FOLDER/var/retention
status_update_interval=1
nagios_user=nagios
nagios_group=nagios
check_external_commands=0
command_file=FOLDER/var/command
query_socket=FOLDER/var/query
lock_file=FOLDER/var/pid
temp_file=FOLDER/var/new
temp_path=FOLDER/var
check_result_path=FOLDER/results
interval_length=1
use_syslog=0
enable_notifications=0
service_inter_check_delay_method=n
host_inter_check_delay_method=n
max_service_check_spread=1
`, "FOLDER", folder)
}

// nagiosStatus has the values of each service that was checked.
func nagiosStatus(b bench) map[string]map[string]string {
	text, _ := os.ReadFile(b.path("var/status")) // not there at first
	services := map[string]map[string]string{}
	for _, block := range strings.Split(string(text), "\nservicestatus {\n")[1:] {
		block, _, _ = strings.Cut(block, "\n\t}")
		values := map[string]string{}
		for _, line := range strings.Split(block, "\n") {
			name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
			values[name] = value
		}
		if values["has_been_checked"] == "1" {
			services[values["service_description"]] = values
		}
	}
	return services
}

// TestNRPE has check_nrpe ask a real NRPE.
func TestNRPE(t *testing.T) {
	need(t, "nrpe", debianPlugins+"/check_nrpe")
	b := newBench(t)
	port := startNRPE(b)
	for _, s := range bundled {
		command := exec.CommandContext(t.Context(), debianPlugins+"/check_nrpe", "-H", "127.0.0.1", "-p", port, "-c", s.name)
		output, _ := command.Output() // its exit code is the state
		text, data, _ := strings.Cut(string(output), "|")
		compare(t, "check_nrpe", s.name, said{command.ProcessState.ExitCode(), trim(text), values(data)}, b.direct(s.name, s.state))
	}
}

// startNRPE runs it with the printed command, and with one for each snapshot,
// and returns its port.
func startNRPE(b bench) string {
	b.t.Helper()
	port := freePort(b.t)
	config := "server_address=127.0.0.1\nserver_port=" + port + "\nallowed_hosts=127.0.0.1\nnrpe_user=nagios\nnrpe_group=nagios\ndont_blame_nrpe=0\npid_file=" +
		b.path("nrpe.pid") + "\ninclude=" + b.path("printed-nrpe.cfg") + "\n"
	for _, s := range bundled {
		config += fmt.Sprintf("command[%s]=%s --snapshot %s --at %s\n", s.name, b.path("check_exchange_authcert"), b.path(s.name+".json"), judgedOn)
	}
	b.write("printed-nrpe.cfg", strings.ReplaceAll(b.printed("nrpe"), debianPlugins, b.folder))
	b.write("nrpe.cfg", config)
	b.give("nagios")
	b.start("nrpe", "-c", b.path("nrpe.cfg"), "-f")
	b.until("NRPE to listen", func() (string, bool) {
		connection, err := net.DialTimeout("tcp", "127.0.0.1:"+port, time.Second)
		if err != nil {
			return err.Error(), false
		}
		connection.Close()
		return "", true
	})
	return port
}
