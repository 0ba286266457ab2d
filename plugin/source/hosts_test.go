package source_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"check_exchange_authcert/plugin/authcert"
	"check_exchange_authcert/plugin/source"
)

// outcome is what one way comes to.
type outcome struct {
	reason authcert.Reason // "": facts
	little bool            // facts without any certificate
	config bool            // and without AuthConfig
	list   bool            // without the list of servers
	left   *time.Duration  // takes down how much time it was given
	asked  *[]string
	name   string
}

func (o outcome) Snapshot(ctx context.Context) (*authcert.Snapshot, error) {
	*o.asked = append(*o.asked, o.name)
	if end, ok := ctx.Deadline(); ok && o.left != nil {
		*o.left = time.Until(end)
	}
	if o.reason != "" {
		return nil, &authcert.Problem{Stage: "asking", Reason: o.reason, Message: o.name + " failed"}
	}
	snap := &authcert.Snapshot{Origin: authcert.Origin{Host: o.name}, AuthConfig: &authcert.AuthConfig{}}
	if o.config {
		snap.AuthConfig = nil
	}
	if o.list {
		snap.Errors = authcert.List[authcert.Problem]{{Stage: authcert.StageServers, Reason: authcert.Malformed}}
	}
	if !o.little {
		snap.Servers = authcert.List[authcert.Server]{{FQDN: o.name, Certificates: authcert.List[authcert.Certificate]{{}}}}
	}
	return snap, nil
}

func TestWays(t *testing.T) {
	const unreachable, denied, missing, timeout, unsupported, malformed = authcert.Unreachable, authcert.AccessDenied, authcert.NotFound, authcert.Timeout, authcert.Unsupported, authcert.Malformed
	for _, row := range []struct {
		name          string
		first, second outcome
		asked         string
		host          string          // whose facts; "" for none
		reason        authcert.Reason // of the error
		tried         string
	}{
		{"the first way answers", outcome{}, outcome{}, "exchange", "exchange", "", ""},
		{"cannot be reached", outcome{reason: unreachable}, outcome{}, "exchange winrm", "winrm", "", "exchange failed"},
		{"no such endpoint", outcome{reason: missing}, outcome{}, "exchange winrm", "winrm", "", "exchange failed"},
		{"hangs", outcome{reason: timeout}, outcome{}, "exchange winrm", "winrm", "", "exchange failed"},
		{"offers no such logon", outcome{reason: unsupported}, outcome{}, "exchange winrm", "winrm", "", "exchange failed"},
		{"answers nonsense", outcome{reason: malformed}, outcome{}, "exchange winrm", "winrm", "", "exchange failed"},
		{"refuses the logon, or a role is missing", outcome{reason: denied}, outcome{}, "exchange", "", denied, ""},
		{"learns no certificate", outcome{little: true}, outcome{}, "exchange winrm", "winrm", "", "no server's certificates"},
		{"learns no certificate, and the next fails", outcome{little: true}, outcome{reason: unreachable}, "exchange winrm", "exchange", "", "ex01 via winrm: unreachable: winrm failed"},
		{"learns no certificate, and the next is not open", outcome{little: true}, outcome{reason: unsupported}, "exchange winrm", "exchange", "", "ex01 via winrm: unsupported"},
		{"cannot be reached, and the next is not open", outcome{reason: unreachable}, outcome{reason: unsupported}, "exchange winrm", "", unreachable, "ex01 via winrm: unsupported"},
		{"learns no list of servers", outcome{list: true}, outcome{}, "exchange winrm", "winrm", "", "the list of servers could not be read"},
		{"learns no list of servers, and the next neither", outcome{list: true}, outcome{list: true}, "exchange winrm", "winrm", "", "the list of servers could not be read"},
		{"learns no certificate, and the next not even AuthConfig", outcome{little: true}, outcome{little: true, config: true}, "exchange winrm", "exchange", "", "ex01 via winrm: AuthConfig could not be read"},
		{"neither is open", outcome{reason: unsupported}, outcome{reason: unsupported}, "exchange winrm", "", unsupported, "ex01 via winrm: unsupported"},
		{"both fail", outcome{reason: missing}, outcome{reason: timeout}, "exchange winrm", "", timeout, "exchange failed"},
	} {
		t.Run(row.name, func(t *testing.T) {
			var asked []string
			row.first.name, row.first.asked, row.second.name, row.second.asked = "exchange", &asked, "winrm", &asked
			hosts := source.Hosts{{Name: "ex01", Ways: []source.Way{{Name: "exchange", Source: row.first}, {Name: "winrm", Source: row.second}}}}
			snap, err := hosts.Snapshot(t.Context())
			if got := strings.Join(asked, " "); got != row.asked {
				t.Errorf("asked %q, want %q", got, row.asked)
			}
			var problem *authcert.Problem
			tried := ""
			switch {
			case err == nil:
				tried = strings.Join(snap.Origin.Tried, " ")
				if snap.Origin.Host != row.host {
					t.Errorf("facts of %q, want %q", snap.Origin.Host, row.host)
				}
			case !errors.As(err, &problem) || problem.Reason != row.reason || row.host != "":
				t.Errorf("error %v, want reason %q", err, row.reason)
			default:
				tried = problem.Message
			}
			if err == nil && row.first.little && row.host == "exchange" && strings.Contains(tried, "via exchange") {
				t.Errorf("tried %q, which is what has answered", tried)
			}
			if !strings.Contains(tried, row.tried) || (row.tried == "" && strings.Contains(tried, "via")) {
				t.Errorf("tried %q, want %q", tried, row.tried)
			}
		})
	}
}

// TestHangingWayLeavesTime gives the last way at least a third.
func TestHangingWayLeavesTime(t *testing.T) {
	var asked []string
	var first, second time.Duration
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Minute)
	defer cancel()
	hosts := source.Hosts{{Name: "ex01", Ways: []source.Way{
		{Name: "exchange", Source: outcome{reason: authcert.Timeout, left: &first, asked: &asked, name: "exchange"}},
		{Name: "winrm", Source: outcome{left: &second, asked: &asked, name: "winrm"}},
	}}}
	if _, err := hosts.Snapshot(ctx); err != nil {
		t.Fatal(err)
	}
	if first > 20*time.Minute || first < 19*time.Minute || second < 29*time.Minute {
		t.Errorf("%s, then %s of 30 minutes; want two thirds, then all that is left", first, second)
	}
}

// TestHosts asks the next host only when one cannot be reached.
func TestHosts(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	up, down := listener.Addr().String(), "127.0.0.1:1"
	for _, row := range []struct {
		name      string
		addresses []string
		reasons   []authcert.Reason
		want      []string
		fails     authcert.Reason
	}{
		{"the first is up", []string{up, up}, []authcert.Reason{"", ""}, []string{"0"}, ""},
		{"nobody listens on the first", []string{down, up}, []authcert.Reason{"", ""}, []string{"1"}, ""},
		{"the first is up and cannot be asked", []string{up, up}, []authcert.Reason{authcert.Unreachable, ""}, []string{"0", "1"}, ""},
		{"the first refuses the logon", []string{up, up}, []authcert.Reason{authcert.AccessDenied, ""}, []string{"0"}, authcert.AccessDenied},
		{"the first does not answer in time", []string{up, up}, []authcert.Reason{authcert.Timeout, ""}, []string{"0"}, authcert.Timeout},
		{"none is up", []string{down, down}, []authcert.Reason{"", authcert.Unreachable}, []string{"1"}, authcert.Unreachable},
		{"none is named", nil, nil, nil, authcert.NotFound},
	} {
		t.Run(row.name, func(t *testing.T) {
			var asked []string
			var hosts source.Hosts
			for i, address := range row.addresses {
				name := string(rune('0' + i))
				hosts = append(hosts, source.Host{Name: name, Ways: []source.Way{{Address: address, Source: outcome{reason: row.reasons[i], asked: &asked, name: name}}}})
			}
			_, err := hosts.Snapshot(t.Context())
			if diff := cmp.Diff(row.want, asked); diff != "" {
				t.Errorf("asked (-want +got):\n%s", diff)
			}
			var problem *authcert.Problem
			if errors.As(err, &problem) != (row.fails != "") || (problem != nil && problem.Reason != row.fails) {
				t.Errorf("error %v, want reason %q", err, row.fails)
			}
		})
	}
}
