package authcert

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// merged is an organization that was read from Exchange and from everywhere
// else.
func merged(t testing.TB) *org {
	t.Helper()
	o := newOrg(t)
	directory := &Origin{Kind: KindLDAP, Host: "dc02.contoso.com"}
	o.Origin = Origin{Kind: "winrm", Host: "ex01.contoso.com", Via: "exchange", Tried: []string{"ex00: unreachable"}}
	second := *o.AuthConfig
	second.NextCertificateThumbprint, second.Origin = elsewhere, directory
	o.OtherAuthConfigs = List[AuthConfig]{second, *o.AuthConfig}
	o.Hybrid = &Hybrid{Configured: new(true), Origin: directory}
	o.OrganizationGUID = "00112233-4455-6677-8899-aabbccddeeff"
	o.Servers[2].Origin = &Origin{Kind: "winrm", Host: "ex01.contoso.com", Via: "store"}
	for i := range o.Servers {
		der := o.own(i).RawData
		o.Servers[i].Served = List[Served]{{Port: BackEndPort, RawData: der}, {Port: 443, RawData: der, Origin: &Origin{Kind: KindTLS}}}
		o.Servers[i].Published = document(o.Servers[0].Certificates[0])
	}
	cloud(func(*org) {}, elsewhere)(o)
	o.Hybrid.Origin = directory
	return o
}

// TestOrigins tells of every fact of a merged snapshot where it is from, also
// when it was saved in between, and with every finding's words.
func TestOrigins(t *testing.T) {
	o := merged(t)
	result := Judge(o.Snapshot, DefaultPolicy(), now)
	exchange, directory := Origin{Kind: "winrm", Host: "ex01.contoso.com", Via: "exchange"}, Origin{Kind: "ldap", Host: "dc02.contoso.com"}
	want := []FactOrigin{
		{"AuthConfig", exchange}, {"another AuthConfig", directory}, {"another AuthConfig", exchange}, {"hybrid", directory}, {"organization GUID", Origin{Kind: "ldap"}},
		{"servers", exchange}, {"internal transport certificates", exchange}, {"certificates", exchange},
		{"served certificates", exchange}, {"served certificates", Origin{Kind: "tls"}}, {"published metadata", Origin{Kind: "published"}},
		{"certificates of ex03.contoso.com", Origin{Kind: "winrm", Host: "ex01.contoso.com", Via: "store"}},
		{"Entra ID", Origin{Kind: "graph", Via: "ExchangeServerApp"}},
	}
	if diff := cmp.Diff(result.Origins, want); diff != "" {
		t.Errorf("origins (-got +want):\n%s", diff)
	}
	if diff := cmp.Diff(verdicts(result.Findings), []verdict{{"cloud-missing-current", Critical, ""}, {"authconfig-differs", Warning, ""}}); diff != "" {
		t.Errorf("findings (-got +want):\n%s", diff)
	}
	sameWhenSaved(t, o.Snapshot, DefaultPolicy(), result)
}

// TestOriginsOfDirectory has the directory be the source itself.
func TestOriginsOfDirectory(t *testing.T) {
	snap := publishing(t, document(auth(t, 400)))
	snap.Origin, snap.OrganizationGUID = Origin{Kind: KindLDAP, Host: "dc01.contoso.com"}, "00112233-4455-6677-8899-aabbccddeeff"
	want := []FactOrigin{{"organization GUID", snap.Origin}, {"servers", snap.Origin}, {"published metadata", Origin{Kind: "published"}}}
	if diff := cmp.Diff(Judge(snap, DefaultPolicy(), now).Origins, want); diff != "" {
		t.Errorf("origins (-got +want):\n%s", diff)
	}
}
