package render

import (
	_ "embed"
	"encoding/json"
	"io"
	"math"
	"strings"

	"check_exchange_authcert/plugin/authcert"
)

// ZabbixTemplate is the template to import into Zabbix, in the export format
// of 6.0, which later versions read as well. Its items take the fields of
// [Zabbix]'s document.
//
//go:embed zabbix_template.yaml
var ZabbixTemplate string

// zabbixDocument is what the template's master item holds. What is not known
// is absent: the item that depends on it then keeps its last value. Times are
// seconds since 1970, so that Zabbix can count down by itself; days are whole
// days, rounded down and negative once over.
type zabbixDocument struct {
	Status        string `json:"status"` // OK, WARNING, CRITICAL or UNKNOWN
	StatusCode    int    `json:"statusCode"`
	Summary       string `json:"summary"` // one line, without the status
	Report        string `json:"report"`  // findings worst first, each with its remedy
	CheckedAtUnix *int64 `json:"checkedAtUnix,omitempty"`
	TakenAtUnix   *int64 `json:"takenAtUnix,omitempty"` // when the facts were read

	CurrentThumbprint *string `json:"currentThumbprint,omitempty"` // "" when AuthConfig names none
	CurrentNotAfter   *int64  `json:"currentNotAfterUnix,omitempty"`
	CurrentDays       *int    `json:"currentDaysLeft,omitempty"`
	NextThumbprint    *string `json:"nextThumbprint,omitempty"`
	NextNotAfter      *int64  `json:"nextNotAfterUnix,omitempty"`
	NextEffective     *int64  `json:"nextEffectiveUnix,omitempty"`
	NextDays          *int    `json:"nextDaysLeft,omitempty"`

	// The metrics of the performance data.
	SelfSignedDays        *float64 `json:"selfsignedDaysLeft,omitempty"` // of the certificate that ends first
	Servers               *float64 `json:"servers,omitempty"`
	ServersUnreadable     *float64 `json:"serversUnreadable,omitempty"`
	ServersWithoutCurrent *float64 `json:"serversWithoutCurrent,omitempty"`
	ServersWithoutNext    *float64 `json:"serversWithoutNext,omitempty"`
	FindingsCritical      *float64 `json:"findingsCritical,omitempty"`
	FindingsWarning       *float64 `json:"findingsWarning,omitempty"`
	FindingsUnknown       *float64 `json:"findingsUnknown,omitempty"`
	Seconds               *float64 `json:"time,omitempty"` // that the check took

	// For low-level discovery.
	Certificates []zabbixCertificate `json:"certificates"`
	ServerList   []zabbixServer      `json:"serverList"`
}

type zabbixCertificate struct {
	Role       string `json:"role"` // current, next, previous or selfsigned
	Thumbprint string `json:"thumbprint"`
	Subject    string `json:"subject"`
	NotAfter   *int64 `json:"notAfterUnix,omitempty"`
	DaysLeft   *int   `json:"daysLeft,omitempty"`
	PresentOn  int    `json:"presentOn"` // how many servers have it
	MissingOn  int    `json:"missingOn"`
}

// zabbixServer has its answers as 0 or 1, which graphs and value maps take.
type zabbixServer struct {
	FQDN         string `json:"fqdn"`
	Readable     int    `json:"readable"`
	Reason       string `json:"reason"` // why not; "" when readable
	Certificates int    `json:"certificates"`
	HasCurrent   *int   `json:"hasCurrent,omitempty"`
	HasNext      *int   `json:"hasNext,omitempty"`
}

// Zabbix writes one line of JSON for a master item.
func Zabbix(w io.Writer, result authcert.Result) error {
	doc := zabbixDocument{
		Status: result.Status.String(), StatusCode: result.Status.Code(), Summary: clean(result.Summary), Report: report(result, 0),
		CheckedAtUnix: unix(result.CheckedAt), TakenAtUnix: unix(result.TakenAt),
		Certificates: []zabbixCertificate{}, ServerList: []zabbixServer{},
	}
	doc.measure(result.Metrics)
	for _, c := range result.Certificates {
		doc.add(c)
	}
	if a := result.AuthConfig; a != nil {
		current, next := plain(string(a.CurrentCertificateThumbprint)), plain(string(a.NextCertificateThumbprint))
		doc.CurrentThumbprint, doc.NextThumbprint, doc.NextEffective = &current, &next, unix(a.NextCertificateEffectiveDate)
	}
	for _, s := range result.Servers {
		doc.ServerList = append(doc.ServerList, zabbixServer{FQDN: plain(s.FQDN), Readable: *flag(&s.Readable), Reason: plain(string(s.Reason)),
			Certificates: s.Certificates, HasCurrent: flag(s.HasCurrent), HasNext: flag(s.HasNext)})
	}
	return json.NewEncoder(w).Encode(doc)
}

func (d *zabbixDocument) add(c authcert.CertificateResult) {
	d.Certificates = append(d.Certificates, zabbixCertificate{Role: plain(c.Role), Thumbprint: plain(string(c.Thumbprint)), Subject: plain(c.Subject),
		NotAfter: c.NotAfterUnix, DaysLeft: c.DaysLeft, PresentOn: len(c.PresentOn), MissingOn: len(c.MissingOn)})
	switch c.Role {
	case "current":
		d.CurrentNotAfter, d.CurrentDays = c.NotAfterUnix, c.DaysLeft
	case "next":
		d.NextNotAfter, d.NextDays = c.NotAfterUnix, c.DaysLeft
	}
}

func (d *zabbixDocument) measure(metrics []authcert.Metric) {
	fields := map[string]**float64{
		"selfsigned_days": &d.SelfSignedDays, "servers": &d.Servers, "servers_unreadable": &d.ServersUnreadable,
		"servers_without_current": &d.ServersWithoutCurrent, "servers_without_next": &d.ServersWithoutNext,
		"findings_critical": &d.FindingsCritical, "findings_warning": &d.FindingsWarning, "findings_unknown": &d.FindingsUnknown,
		"time": &d.Seconds,
	}
	for _, m := range metrics {
		if field := fields[m.Name]; field != nil && !math.IsNaN(m.Value) && !math.IsInf(m.Value, 0) {
			value := math.Round(m.Value*1000) / 1000
			*field = &value
		}
	}
}

// plainLimit keeps the names of discovered items, which Zabbix refuses above
// 255 characters, short enough.
const plainLimit = 120

// plain makes text from outside fit for discovery: it becomes part of item
// keys and JSONPath expressions, where quotes, braces and backslashes mean
// something.
func plain(text string) string {
	if characters := []rune(text); len(characters) > plainLimit {
		text = string(characters[:plainLimit])
	}
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(`"'\{}$[]`, r) {
			return '_'
		}
		return r
	}, clean(text))
}

func unix(i authcert.Instant) *int64 {
	if !i.Known() {
		return nil
	}
	seconds := i.Unix()
	return &seconds
}

// flag is 1 for true, 0 for false, and absent for what is not known.
func flag(b *bool) *int {
	if b == nil {
		return nil
	}
	n := 0
	if *b {
		n = 1
	}
	return &n
}
