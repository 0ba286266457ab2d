//go:build integration && linux

package source

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// sambaPackages are what the tests against a real directory need on Debian.
const sambaPackages = "samba samba-ad-dc samba-ad-provision samba-dsdb-modules samba-vfs-modules winbind krb5-user ldb-tools iproute2"

// samba is a domain controller in a network namespace of its own, which a pair
// of virtual interfaces joins to this one.
type samba struct {
	t         testing.TB
	dir       string
	namespace string
	address   string // its own
	name      string
	workgroup string
	realm     string
	ca        string // the file
	daemon    *exec.Cmd
}

const (
	sambaRealm    = "EXAMPLE.TEST"
	sambaRoot     = "DC=example,DC=test" // the forest's
	sambaPassword = "Geheim-0rd!"        // the administrator's
)

// host is the domain controller's full name.
func (s *samba) host() string { return s.name + "." + strings.ToLower(s.realm) }

// domainDN is the domain's distinguished name.
func (s *samba) domainDN() string {
	return "DC=" + strings.ReplaceAll(strings.ToLower(s.realm), ".", ",DC=")
}

// newSamba provisions the root domain of a forest.
func newSamba(t testing.TB) *samba {
	t.Helper()
	s := emptySamba(t, samba{name: "dc1", workgroup: "EXAMPLE", realm: sambaRealm})
	s.inside("samba-tool", "domain", "provision", "--realm="+s.realm, "--domain="+s.workgroup, "--server-role=dc", "--dns-backend=SAMBA_INTERNAL",
		"--adminpass="+sambaPassword, "--host-name="+s.name, "--host-ip="+s.address, "--targetdir="+s.dir+"/dc", "--option=interfaces="+s.address, "--option=bind interfaces only=yes")
	s.configure("no")
	return s
}

// emptySamba is a place for a domain controller. Where there can be none the
// test is skipped, but not in CI.
func emptySamba(t testing.TB, s samba) *samba {
	t.Helper()
	missing := ""
	for _, program := range []string{"samba", "samba-tool", "ldbadd", "ldbmodify", "ip"} {
		if _, err := exec.LookPath(program); err != nil {
			missing = program + " is not installed: apt-get install --no-install-recommends " + sambaPackages
		}
	}
	if os.Geteuid() != 0 {
		missing = "network namespaces need root"
	}
	if missing != "" {
		if os.Getenv("CI") != "" {
			t.Fatal(missing)
		}
		t.Skip(missing)
	}
	id := os.Getpid() % 60000
	s.t, s.dir, s.namespace, s.address = t, t.TempDir(), fmt.Sprintf("cea%d", id), fmt.Sprintf("198.18.%d.%d", id/250, id%250+1)
	s.network(id)
	s.files()
	return &s
}

// network makes the namespace and the way into it.
func (s *samba) network(id int) {
	outer, inner := fmt.Sprintf("cea%do", id), fmt.Sprintf("cea%di", id)
	s.outside("ip", "netns", "add", s.namespace)
	s.t.Cleanup(func() { exec.Command("ip", "netns", "del", s.namespace).Run() })
	s.outside("ip", "link", "add", outer, "type", "veth", "peer", "name", inner, "netns", s.namespace)
	s.t.Cleanup(func() { exec.Command("ip", "link", "del", outer).Run() })
	s.outside("ip", "link", "set", outer, "up")
	s.outside("ip", "route", "add", s.address+"/32", "dev", outer)
	for _, args := range [][]string{
		{"link", "set", "lo", "up"}, {"addr", "add", s.address + "/32", "dev", inner}, {"link", "set", inner, "up"},
		{"route", "add", "default", "dev", inner},
	} {
		s.outside("ip", append([]string{"-n", s.namespace}, args...)...)
	}
}

// files writes what the namespace sees in place of the system's files, and the
// certificates.
func (s *samba) files() {
	s.write("resolv.conf", "search example.test\nnameserver "+s.address+"\n")
	s.write("hosts", "127.0.0.1 localhost\n"+s.address+" "+s.host()+" "+s.name+"\n")
	s.write("enter", fmt.Sprintf(`set -e
mount --bind %[1]s/resolv.conf /etc/resolv.conf
mount --bind %[1]s/hosts /etc/hosts
mkdir -p /run/samba %[1]s/run
mount --bind %[1]s/run /run/samba
exec "$@"
`, s.dir))
	s.certificates()
}

// certificates makes an authority and the domain controller's certificate.
// Samba's own has no subject alternative name.
func (s *samba) certificates() {
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(s.t, err)
	ca := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Test CA"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, caKey.Public(), caKey)
	check(s.t, err)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(s.t, err)
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: s.host()}, NotBefore: ca.NotBefore, NotAfter: ca.NotAfter,
		DNSNames: []string{s.host()}, IPAddresses: []net.IP{net.ParseIP(s.address)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	leafDER, err := x509.CreateCertificate(rand.Reader, leaf, ca, key.Public(), caKey)
	check(s.t, err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	check(s.t, err)
	s.ca = s.write("ca.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: caDER})))
	s.write("dc.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leafDER})))
	s.write("dc.key", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})))
}

// configure writes smb.conf; strong is whether binds have to be protected.
// Provisioning drops some of these options.
func (s *samba) configure(strong string) {
	s.write("dc/etc/smb.conf", strings.NewReplacer("DIR", s.dir, "ADDRESS", s.address, "STRONG", strong, "NAME", s.name, "WORKGROUP", s.workgroup, "REALM", s.realm).Replace(`[global]
	netbios name = NAME
	workgroup = WORKGROUP
	realm = REALM
	server role = active directory domain controller
	server services = ldap kdc rpc
	interfaces = ADDRESS
	bind interfaces only = yes
	private dir = DIR/dc/private
	state directory = DIR/dc/state
	cache directory = DIR/dc/cache
	lock directory = DIR/dc
	pid directory = DIR/dc
	log file = DIR/dc/log
	ldap server require strong auth = STRONG
	dsdb:schema update allowed = yes
	tls certfile = DIR/dc.pem
	tls keyfile = DIR/dc.key
	tls cafile = DIR/ca.pem
`))
}

// start runs the daemon until stop, or the end of the test.
func (s *samba) start() {
	s.t.Helper()
	s.daemon = s.command("samba", "-s", s.dir+"/dc/etc/smb.conf", "--foreground", "--no-process-group")
	s.daemon.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	log, err := os.Create(filepath.Join(s.dir, "samba.out"))
	check(s.t, err)
	s.daemon.Stdout, s.daemon.Stderr = log, log
	check(s.t, s.daemon.Start())
	s.t.Cleanup(s.stop)
	if !s.wait(true) {
		text, _ := os.ReadFile(log.Name())
		s.t.Fatalf("samba does not listen:\n%s", text)
	}
}

// wait polls until the services listen, or until none does: there is nothing
// that says so.
func (s *samba) wait(listening bool) bool {
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		settled := true
		for _, port := range []string{"88", "389", "636"} {
			settled = settled && s.listens(port) == listening
		}
		if settled {
			return true
		}
	}
	return false
}

func (s *samba) listens(port string) bool {
	conn, err := net.DialTimeout("tcp", net.JoinHostPort(s.address, port), time.Second)
	if err == nil {
		conn.Close()
	}
	return err == nil
}

// stop ends the daemon and all its children, which end a little later.
func (s *samba) stop() {
	if s.daemon == nil {
		return
	}
	syscall.Kill(-s.daemon.Process.Pid, syscall.SIGTERM)
	s.daemon.Wait()
	s.daemon = nil
	if !s.wait(false) {
		s.t.Error("samba still listens")
	}
}

// modify applies LDIF to the stopped domain controller's database.
func (s *samba) modify(ldif string) {
	s.t.Helper()
	s.inside("ldbmodify", "-H", s.dir+"/dc/private/sam.ldb", "--option=dsdb:schema update allowed=yes", s.write("change.ldif", ldif))
}

// command is a command that runs in the namespace.
func (s *samba) command(name string, args ...string) *exec.Cmd {
	return exec.Command("ip", append([]string{"netns", "exec", s.namespace, "sh", s.dir + "/enter", name}, args...)...)
}

func (s *samba) inside(name string, args ...string) string {
	s.t.Helper()
	return s.run(s.command(name, args...))
}

func (s *samba) outside(name string, args ...string) {
	s.t.Helper()
	s.run(exec.Command(name, args...))
}

func (s *samba) run(command *exec.Cmd) string {
	s.t.Helper()
	output, err := command.CombinedOutput()
	if err != nil {
		s.t.Fatalf("%v: %v\n%s", command.Args, err, output)
	}
	return string(output)
}

func (s *samba) write(name, text string) string {
	s.t.Helper()
	path := filepath.Join(s.dir, name)
	check(s.t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
