//go:build integration && linux

package source

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// provisionChild has Samba make the domain controller of a child domain, whose
// partitions of configuration and schema are named for the forest's root.
// samba-tool gives no way to it (4.17: "domain join <dnsdomain>
// [DC|RODC|MEMBER]"), but the code under it takes the names apart. One of its
// templates takes the domain for the root; it is mended in a copy.
const provisionChild = `
import logging, sys
from samba import dsdb, provision
from samba.auth import system_session
from samba.param import LoadParm

target, root, realm, domain, host, address, password = sys.argv[1:]
installed = provision.setup_path

def mended(name):
    if name != "provision_configuration.ldif":
        return installed(name)
    with open(installed(name)) as there, open(target + ".ldif", "w") as here:
        here.write(there.read().replace("CN=Configuration,${DOMAINDN}", "${CONFIGDN}"))
    return target + ".ldif"

provision.setup_path = mended
provision.provision(logging.getLogger(), system_session(), lp=LoadParm(), targetdir=target, samdb_fill=provision.FILL_FULL,
    realm=realm, domain=domain, hostname=host, hostip=address, adminpass=password, dns_backend="NONE",
    serverrole="active directory domain controller", dom_for_fun_level=dsdb.DS_DOMAIN_FUNCTION_2008_R2,
    rootdn=root, domaindn="DC=" + realm.lower().replace(".", ",DC="), configdn="CN=Configuration," + root, schemadn="CN=Schema,CN=Configuration," + root)
`

// newChild provisions a child domain of the forest.
func newChild(t testing.TB) *samba {
	t.Helper()
	s := emptySamba(t, samba{name: "dc2", workgroup: "CHILD", realm: "CHILD." + sambaRealm})
	s.inside("/usr/bin/python3", s.write("child.py", provisionChild), s.dir+"/dc", sambaRoot, s.realm, s.workgroup, s.name, s.address, sambaPassword)
	s.configure("no")
	return s
}

// TestSambaChild asks the domain controller of a child domain with accounts of
// that domain. Exchange's configuration is the forest's: the root's name is in
// it, and the child's is not.
func TestSambaChild(t *testing.T) {
	const servers = 4
	s := newChild(t)
	furnish(s, servers)
	names := map[string]string{}
	for line := range strings.Lines(s.inside("ldbsearch", "-H", s.dir+"/dc/private/sam.ldb", "-b", "", "-s", "base", "configurationNamingContext", "defaultNamingContext", "rootDomainNamingContext")) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "NamingContext: "); ok {
			names[name] = value
		}
	}
	want := map[string]string{"configuration": "CN=Configuration," + sambaRoot, "default": "DC=child," + sambaRoot, "rootDomain": sambaRoot}
	if diff := cmp.Diff(names, want); diff != "" {
		t.Fatalf("that is no child domain (-got +want):\n%s", diff)
	}
	s.start()
	for _, way := range ways {
		t.Run(fmt.Sprintf("%s over %s", way.auth, way.scheme), func(t *testing.T) {
			expectOrganization(t, s.as("reader", way.auth, way.scheme), servers)
		})
	}
	t.Run("no right", func(t *testing.T) { expectNoRight(t, s, servers) })
	t.Run("published", func(t *testing.T) { expectPublished(t, s) })
}
