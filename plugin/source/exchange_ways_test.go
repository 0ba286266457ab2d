package source_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"check_exchange_authcert/plugin/authcert"
	"check_exchange_authcert/plugin/source"
	"check_exchange_authcert/plugin/wsman/wsmantest"
)

// twoWays asks at Exchange's endpoint first, and takes down whether another way is asked after that.
func twoWays(r source.Remoting, asked *[]string, left *time.Duration) source.Hosts {
	return source.Hosts{{Name: "ex01", Ways: []source.Way{
		{Name: "exchange", Source: r},
		{Name: "winrm", Source: outcome{left: left, asked: asked, name: "winrm"}},
	}}}
}

// TestMissingRoleEndsTheSearch lacks the role for one of the cmdlets: what the others brought counts, and the same
// account is not tried in another way.
func TestMissingRoleEndsTheSearch(t *testing.T) {
	denied := wsmantest.CmdletResult{Failure: errorRecord(13, "CommandNotFoundException", "System.Management.Automation.CommandNotFoundException")}
	broken := wsmantest.CmdletResult{Failure: errorRecord(0, "", "System.NullReferenceException")}
	const one, two = "Get-ExchangeCertificate ex01.contoso.com", "Get-ExchangeCertificate ex02.contoso.com"
	for name, row := range map[string]struct {
		answer map[string]wsmantest.CmdletResult
		want   []string // nil for an error
		asked  []string
	}{
		"no Get-AuthConfig": {map[string]wsmantest.CmdletResult{"Get-AuthConfig": denied},
			[]string{"ex01.contoso.com:ab", "ex02.contoso.com:c", "edge.contoso.com:", "get-authconfig!access-denied"}, nil},
		"no Get-ExchangeCertificate": {map[string]wsmantest.CmdletResult{one: denied, two: denied},
			[]string{"ex01.contoso.com:!access-denied", "ex02.contoso.com:!access-denied", "edge.contoso.com:"}, nil},
		"neither it nor the list of servers": {map[string]wsmantest.CmdletResult{"Get-ExchangeServer": denied, "Get-ExchangeCertificate localhost": denied},
			[]string{"localhost:!access-denied", "get-exchangeserver!access-denied"}, nil},
		"no list of servers, and AuthConfig broken": {map[string]wsmantest.CmdletResult{"Get-ExchangeServer": denied, "Get-AuthConfig": broken}, nil, nil},
		"one server refuses, the other fails":       {map[string]wsmantest.CmdletResult{one: denied, two: broken}, []string{"winrm:"}, []string{"winrm"}},
		"no server to ask":                          {map[string]wsmantest.CmdletResult{"Get-ExchangeServer": outputs(organization["Get-ExchangeServer"].Output[2])}, []string{"winrm:"}, []string{"winrm"}},
	} {
		t.Run(name, func(t *testing.T) {
			var asked []string
			_, r := endpoint(t, &exchange{answer: row.answer}, wsmantest.Options{})
			snap, err := twoWays(r, &asked, nil).Snapshot(t.Context())
			if row.want == nil {
				wantProblem(t, err, authcert.AccessDenied, "get-exchangeserver", "New-RoleGroup")
			} else if err != nil {
				t.Fatal(err)
			} else if diff := cmp.Diff(row.want, summary(snap)); diff != "" {
				t.Errorf("servers and problems (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(row.asked, asked); diff != "" {
				t.Errorf("ways behind it (-want +got):\n%s", diff)
			}
		})
	}
}

// TestHangingHostLeavesTime has a host hang from its first cmdlet on, and while it is cleaned up behind, with another
// logon or without: the next way has its third of the time all the same.
func TestHangingHostLeavesTime(t *testing.T) {
	for name, logons := range map[string]int{"it takes another logon": 9, "it takes no other logon": 1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, r := endpoint(t, &exchange{}, wsmantest.Options{Interfere: func(step wsmantest.Step, count int) *wsmantest.Interference {
				if step == wsmantest.StepCommand || step == wsmantest.StepSignal || step == wsmantest.StepDelete || (step == wsmantest.StepLogon && count > logons) {
					return &wsmantest.Interference{Hang: true}
				}
				return nil
			}})
			const whole = 9 * time.Second
			ctx, cancel := context.WithTimeout(t.Context(), whole)
			defer cancel()
			var asked []string
			var left time.Duration
			if _, err := twoWays(r, &asked, &left).Snapshot(ctx); err != nil {
				t.Fatal(err)
			}
			if left < whole/3 {
				t.Errorf("%s of %s were left, want a third", left, whole)
			}
		})
	}
}
