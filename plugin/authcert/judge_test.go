package authcert

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// elsewhere is a thumbprint that no certificate has.
const elsewhere = Thumbprint("00112233445566778899AABBCCDDEEFF00112233")

// mutations are ways in which an organization may be out of order; the random
// tests combine them.
var mutations = []func(*org, *rand.Rand){
	func(o *org, r *rand.Rand) { o.setCurrent(until(o.t, in(float64(r.IntN(200)-50)))) },
	func(o *org, r *rand.Rand) {
		o.setNext(until(o.t, in(float64(r.IntN(2000)-50))), in(float64(r.IntN(60)-10)))
	},
	func(o *org, _ *rand.Rand) { o.AuthConfig.NextCertificateEffectiveDate = Instant{} },
	func(o *org, _ *rand.Rand) { o.AuthConfig.NextCertificateThumbprint = o.currentThumbprint() },
	func(o *org, r *rand.Rand) { o.drop(r.IntN(3), o.currentThumbprint()) },
	func(o *org, r *rand.Rand) { o.drop(r.IntN(3), o.nextThumbprint()) },
	func(o *org, r *rand.Rand) { o.unreadable(r.IntN(3), Timeout) },
	func(o *org, r *rand.Rand) { o.install(r.IntN(3), own(o.t, "another", float64(r.IntN(100)-30))) },
	func(o *org, r *rand.Rand) { o.install(r.IntN(3), Certificate{RawData: DER("garbage")}) },
	func(o *org, r *rand.Rand) {
		o.Servers[r.IntN(3)].Published = &Published{HTTPStatus: 200 + 300*r.IntN(2)}
	},
	func(o *org, r *rand.Rand) { o.Servers[r.IntN(3)].Served = List[Served]{{Port: 444}} },
	func(o *org, r *rand.Rand) { o.Servers[r.IntN(3)].InternalTransportCertificateThumbprint = elsewhere },
	func(o *org, r *rand.Rand) {
		s := &o.Servers[r.IntN(3)]
		s.Certificates = slices.Clone(s.Certificates)
		for i := range s.Certificates {
			s.Certificates[i].HasPrivateKey = new(false)
		}
	},
	func(o *org, _ *rand.Rand) { o.AuthConfig.Realm = strings.Repeat("long.", 60) },
	func(o *org, _ *rand.Rand) { o.AuthConfig.WhenChangedUTC = At(now.Add(-time.Hour)) },
	func(o *org, _ *rand.Rand) { o.TakenAt = Instant{} },
	func(o *org, _ *rand.Rand) { cloud(func(*org) {}, elsewhere)(o) },
	func(o *org, _ *rand.Rand) {
		o.OtherAuthConfigs = List[AuthConfig]{{}, {NextCertificateThumbprint: elsewhere}}
	},
	func(o *org, r *rand.Rand) { o.Servers = append(o.Servers, o.Servers[r.IntN(3)]) },
	func(o *org, _ *rand.Rand) {
		o.Errors = append(o.Errors, Problem{Stage: StageServers, Message: strings.Repeat("Fehler ", 40) + "\r\nzwei"})
	},
}

// disorder is an organization with a few things out of order. The same seed
// gives the same one.
func disorder(t testing.TB, seed uint64) *org {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 1))
	o := newOrg(t)
	for range r.IntN(5) {
		mutations[r.IntN(len(mutations))](o, r)
	}
	return o
}

func marshal(t testing.TB, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestResultsOfRandomOrganizations(t *testing.T) {
	for seed := range uint64(400) {
		o := disorder(t, seed)
		before := marshal(t, o.Snapshot)
		result := Judge(o.Snapshot, DefaultPolicy(), now)
		checkResult(t, result)
		if after := marshal(t, o.Snapshot); after != before {
			t.Fatalf("seed %d: Judge changed the snapshot:\n%s", seed, cmp.Diff(after, before))
		}
		if again := marshal(t, Judge(o.Snapshot, DefaultPolicy(), now)); again != marshal(t, result) {
			t.Errorf("seed %d: judged again, the result differs", seed)
		}
		if (result.Status == OK) != (len(result.Findings) == 0) {
			t.Errorf("seed %d: status %s with %d findings", seed, result.Status, len(result.Findings))
		}
		shuffled := *o.Snapshot
		shuffled.Servers = slices.Clone(o.Servers)
		rand.New(rand.NewPCG(seed, 2)).Shuffle(len(shuffled.Servers), func(i, j int) {
			shuffled.Servers[i], shuffled.Servers[j] = shuffled.Servers[j], shuffled.Servers[i]
		})
		other := Judge(&shuffled, DefaultPolicy(), now)
		if diff := cmp.Diff(sorted(other.Findings), sorted(result.Findings)); other.Status != result.Status || diff != "" {
			t.Errorf("seed %d: with the servers in another order %s instead of %s:\n%s", seed, other.Status, result.Status, diff)
		}
	}
}

func sorted(findings []Finding) []string {
	var all []string
	for _, v := range verdicts(findings) {
		all = append(all, fmt.Sprint(v))
	}
	slices.Sort(all)
	return all
}

// A further problem never makes it better. A server that cannot be read may
// hide what was known of it, and then the findings say which one it is; in the
// replication grace a certificate that is missing counts less than one without
// its key, and the message says that too.
func TestProblemsAreMonotonic(t *testing.T) {
	for seed := range uint64(150) {
		base := Judge(disorder(t, seed).Snapshot, DefaultPolicy(), now)
		for server := range 3 {
			o := disorder(t, seed)
			o.unreadable(server, Unreachable)
			result := Judge(o.Snapshot, DefaultPolicy(), now)
			named := slices.ContainsFunc(result.Findings, func(f Finding) bool {
				return f.ID == "server-unreadable" && f.Server == o.Servers[server].FQDN
			})
			if !named || result.Status == OK {
				t.Errorf("seed %d: %s without %s: %s", seed, result.Status, o.Servers[server].FQDN, result.Summary)
			}
			for _, role := range []string{"current", "next"} {
				o := disorder(t, seed)
				thumbprint := o.currentThumbprint()
				if role == "next" {
					thumbprint = o.nextThumbprint()
				}
				for i := range o.Servers {
					if o.Servers[i].FQDN == o.Servers[server].FQDN {
						o.drop(i, thumbprint)
					}
				}
				result := Judge(o.Snapshot, DefaultPolicy(), now)
				graced := slices.ContainsFunc(result.Findings, func(f Finding) bool { return strings.Contains(f.Message, "replication may still bring it") })
				if result.Status.severity() < base.Status.severity() && !graced {
					t.Errorf("seed %d: without %s on %s %s, before %s", seed, role, o.Servers[server].FQDN, result.Status, base.Status)
				}
			}
		}
	}
}

// A rule that panics has found out nothing, and no override makes that fine.
func TestPanicInARuleIsUnknown(t *testing.T) {
	whole := rules
	t.Cleanup(func() { rules = whole })
	rules = append(slices.Clone(whole), Rule{ID: "broken", Facet: Expiry, Reference: "https://example.com", check: func(*facts) []Finding { panic("secret data") }})
	for _, only := range [][]Facet{Facets(), {SelfSigned}} {
		policy := DefaultPolicy()
		policy.Only, policy.States = only, map[string]Status{"broken": OK}
		result := Judge(newOrg(t).Snapshot, policy, now)
		checkResult(t, result)
		if diff := cmp.Diff(verdicts(result.Findings), []verdict{{"broken", Unknown, ""}}); diff != "" || result.Status != Unknown {
			t.Errorf("only %v: status %s, findings (-got +want):\n%s", only, result.Status, diff)
		}
		if text := marshal(t, result); !strings.Contains(result.Summary, "rule broken") || strings.Contains(text, "secret") {
			t.Errorf("summary %q: want the rule's name, and nothing of the panic in %s", result.Summary, text)
		}
	}
}

func TestCatalogueIsComplete(t *testing.T) {
	var ids []string
	for _, rule := range Catalogue() {
		if rule.ID == "" || rule.Title == "" || rule.State == "" || rule.Remedy == "" || !strings.HasPrefix(rule.Reference, "https://") || !slices.Contains(Facets(), rule.Facet) || slices.Contains(ids, rule.ID) {
			t.Errorf("incomplete or twice: %+v", rule)
		}
		ids = append(ids, rule.ID)
	}
	// Configurations and dashboards name findings: the names stay.
	want := strings.Fields(`current-expired current-expiring current-not-yet-valid next-expired next-expiring next-not-valid-when-effective
		authconfig-unreadable no-servers server-unreadable current-not-configured current-missing current-no-private-key
		current-key-unsuitable current-not-exportable current-not-selfsigned current-is-transport next-missing next-no-private-key
		next-is-current next-without-date next-too-late rollover-overdue authconfig-unexpected authconfig-differs published-differs
		published-error cloud-missing-current cloud-missing-next cloud-unreadable snapshot-stale selfsigned-expired selfsigned-expiring selfsigned-weak
		transport-missing backend-unbound backend-expired backend-unknown`)
	if diff := cmp.Diff(ids, want); diff != "" {
		t.Errorf("identifiers (-got +want):\n%s", diff)
	}
	Catalogue()[0].ID = "changed"
	if rules[0].ID == "changed" {
		t.Error("a caller can change the rules")
	}
}

func TestResultIsPlainJSON(t *testing.T) {
	o := newOrg(t)
	o.Servers = nil
	data := []byte(marshal(t, Judge(o.Snapshot, DefaultPolicy(), now)))
	for _, list := range []string{`"certificates":[`, `"servers":[]`, `"findings":[`, `"notes":[]`, `"metrics":[`} {
		if !bytes.Contains(data, []byte(list)) {
			t.Errorf("%s lacks %s: a list is never null", data, list)
		}
	}
}
