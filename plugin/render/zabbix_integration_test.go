//go:build integration

package render_test

import (
	"os"
	"testing"
	"time"

	"check_exchange_authcert/plugin/authcert"
)

// TestZabbixServer imports the template into a real Zabbix, which runs the
// program itself as an external check: on an organization whose certificate
// ends soon, on one that cannot be read any more, and on one in order.
func TestZabbixServer(t *testing.T) {
	z := startZabbix(t)
	c := contoso{t: t, taken: time.Now().UTC().Truncate(time.Second)}
	ending := c.with(45, 0)
	z.write(ending.organization())
	z.run("host", "Exchange Auth Certificate", "{$AUTHCERT.SNAPSHOT}="+z.snapshot, "{$AUTHCERT.INTERVAL}="+zabbixPolls.String())

	t.Log("the certificate ends in 45 days")
	z.wait("a problem that names the days left", func(_ map[string]zabbixItem, problems []zabbixProblem) bool {
		return has(problems, "2", "current Auth Certificate "+authcert.ThumbprintOf(ending.current.RawData).Short()+" expires in 45 days")
	})
	items, _ := z.ask()
	thumbprint := string(authcert.ThumbprintOf(ending.current.RawData))
	for key, want := range map[string]string{
		"status": "1", "current.days": "45", "current.thumbprint": thumbprint, "next.thumbprint": "", "servers": "4",
		"servers.without_current": "0", "findings.warning": "1", "findings.critical": "0", "selfsigned.days": "900",
	} {
		if got := items["exchange.authcert."+key].Value; got != want {
			t.Errorf("item %s is %q, want %q", key, got, want)
		}
	}
	if got, want := items["exchange.authcert.current.notafter"].Value, c.day(45); got != at(want) {
		t.Errorf("the current certificate's end is %s, want %s", got, at(want))
	}

	t.Log("discovered certificates and servers have values")
	z.reload()
	z.wait("values of discovered items", func(items map[string]zabbixItem, _ []zabbixProblem) bool {
		return items["exchange.authcert.certificate.days[current,"+thumbprint+"]"].Value == "45" &&
			items["exchange.authcert.certificate.present[current,"+thumbprint+"]"].Value == "4" &&
			items["exchange.authcert.server.certificates[ex04.contoso.com]"].Value == "3" &&
			items["exchange.authcert.server.current[ex04.contoso.com]"].Value == "1"
	})

	t.Log("no facts any more: the clock still runs")
	if err := os.Remove(z.snapshot); err != nil {
		t.Fatal(err)
	}
	z.wait("problems by the clock and for the missing facts", func(items map[string]zabbixItem, problems []zabbixProblem) bool {
		return has(problems, "2", "Exchange Auth Certificate expires in less than 60 days") && has(problems, "3", "not judged: reading the snapshot: not found") &&
			items["exchange.authcert.current.days"].Value == "45"
	})

	t.Log("a new certificate is in place")
	c.taken = time.Now().UTC().Truncate(time.Second)
	z.write(c.with(412, 0).organization())
	z.wait("recovery, and a notice of the new thumbprint", func(items map[string]zabbixItem, problems []zabbixProblem) bool {
		return items["exchange.authcert.status"].Value == "0" && len(problems) == 1 && has(problems, "1", "current thumbprint changed")
	})
	items, _ = z.ask()
	for key, item := range items {
		if item.State != "0" || item.Error != "" {
			t.Errorf("item %s is not supported: %s", key, item.Error)
		}
	}
}
