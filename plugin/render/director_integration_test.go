//go:build integration

package render_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// directorModules are Debian's modules for Icinga Web.
const directorModules = "/usr/share/icingaweb2/modules"

// TestDirector has a real Icinga Director restore the basket, and a real
// Icinga 2 run the command that Director makes of it.
func TestDirector(t *testing.T) {
	need(t, "icinga2", "icingacli", "mariadbd", "mariadb-install-db", "mysql", "php")
	b := newBench(t)
	d := director{b, b.path("database/socket")}
	d.prepare()
	d.cli("", "director", "migration", "run")
	basket := b.printed("director")
	for range 2 { // again, as with the next release
		if got := d.cli(basket, "director", "basket", "restore"); !strings.Contains(got, "have been restored") {
			t.Fatalf("restoring the basket: %s", got)
		}
	}
	options := strings.Count(b.printed("icinga2"), "description = ")
	for _, table := range []string{"director_datafield", "icinga_command_field", "icinga_command_argument"} {
		if got := d.sql("SELECT COUNT(*) FROM director." + table); got != fmt.Sprint(options) {
			t.Errorf("%s has %s rows, want one for each of %d options", table, got, options)
		}
	}
	command := d.cli("", "director", "command", "show", "exchange_authcert")
	_, service, _ := strings.Cut(b.printed("icinga2"), "\napply Service")
	i := startIcinga(t, command+"\napply Service"+service)
	for _, s := range bundled {
		compare(t, "Icinga by Director", s.name, i.result(s.name).said(), i.direct(s.name, s.state))
	}
	i.arguments(t)
}

// director is Icinga Director's command line with a database of its own.
type director struct {
	bench
	socket string
}

func (d director) prepare() {
	d.t.Helper()
	d.write("web/config.ini", "[global]\nconfig_resource = \"director\"\nmodule_path = \""+directorModules+"\"\n[logging]\nlog = \"none\"\n")
	d.write("web/resources.ini", "[director]\ntype = \"db\"\ndb = \"mysql\"\nhost = \"localhost\"\ndbname = \"director\"\nusername = \"root\"\npassword = \"\"\ncharset = \"utf8\"\n")
	d.write("web/modules/director/config.ini", "[db]\nresource = \"director\"\n")
	d.write("web/enabledModules/.keep", "")
	for _, module := range []string{"director", "incubator", "reactbundle"} {
		if err := os.Symlink(directorModules+"/"+module, d.path("web/enabledModules/"+module)); err != nil {
			d.t.Fatal(err)
		}
	}
	d.write("database/.keep", "")
	d.run("bash", "-c", `chmod 755 "$1" && rm "$1/database/.keep" && chown mysql: "$1/database"`, "bash", d.folder)
	d.run("mariadb-install-db", "--no-defaults", "--datadir="+d.path("database"), "--user=mysql", "--auth-root-authentication-method=normal", "--skip-test-db")
	d.start("mariadbd", "--no-defaults", "--datadir="+d.path("database"), "--user=mysql", "--socket="+d.socket, "--skip-networking")
	d.until("the database", func() (string, bool) {
		_, err := os.Stat(d.socket)
		return fmt.Sprint(err), err == nil
	})
	d.sql("CREATE DATABASE director CHARACTER SET utf8")
}

func (d director) sql(statement string) string {
	d.t.Helper()
	return strings.TrimSpace(d.run("mysql", "--no-defaults", "--user=root", "--socket="+d.socket, "--batch", "--skip-column-names", "--execute="+statement))
}

// cli runs icingacli with that on its standard input.
func (d director) cli(stdin string, args ...string) string {
	d.t.Helper()
	d.write("stdin", stdin)
	script := `exec env ICINGAWEB_CONFIGDIR="$1" php -d pdo_mysql.default_socket="$2" "$(command -v icingacli)" "${@:4}" <"$3"`
	return d.run("bash", append([]string{"-c", script, "bash", d.path("web"), d.socket, d.path("stdin")}, args...)...)
}
