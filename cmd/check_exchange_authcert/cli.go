package main

import (
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"time"

	"github.com/alecthomas/kong"

	"check_exchange_authcert/plugin/authcert"
)

// cli is the command line. Its help is the one in the README.
type cli struct {
	Hostname  []string `group:"source" short:"H" sep:"none" placeholder:"HOST" help:"An Exchange server; repeatable: the first that can be reached is asked."`
	Local     bool     `group:"source" help:"Ask Exchange on this host with Windows PowerShell."`
	Snapshot  string   `group:"source" placeholder:"PATH" help:"A snapshot in JSON, what the collector printed, a file or folder of Export-Clixml output, or - for standard input."`
	Published []string `group:"source" placeholder:"HOST" help:"Only the OAuth metadata documents that these servers publish, without an account; repeatable."`
	Via       []string `group:"source" default:"exchange,winrm" enum:"exchange,winrm" placeholder:"WAY" help:"How --hostname is asked, in this order: exchange (its own PowerShell endpoint, needs only a View-Only role), winrm (a Windows Remote Shell, also sees the host's own store) (${default})."`

	directory
	crosschecks
	connection
	Warning            authcert.Range             `group:"thresholds" short:"w" default:"60:" placeholder:"RANGE" help:"Days left of the current Auth Certificate; N means at least N (${default})."`
	Critical           authcert.Range             `group:"thresholds" short:"c" default:"30:" placeholder:"RANGE" help:"The same, for CRITICAL (${default})."`
	NextWarning        authcert.Range             `group:"thresholds" default:"120:" placeholder:"RANGE" help:"Days left of the next Auth Certificate (${default})."`
	SelfsignedWarning  *authcert.Range            `group:"thresholds" placeholder:"RANGE" help:"Days left of the other self-signed certificates (as --warning)."`
	SelfsignedCritical *authcert.Range            `group:"thresholds" placeholder:"RANGE" help:"The same, for CRITICAL (as --critical)."`
	State              map[string]authcert.Status `group:"thresholds" mapsep:"none" placeholder:"ID=STATE" help:"Report a finding as another state, as in next-missing=ok; repeatable."`
	Only               []authcert.Facet           `group:"thresholds" placeholder:"FACET" help:"Judge these only: expiry, consistency, selfsigned."`
	ExcludeServer      []string                   `group:"thresholds" sep:"none" placeholder:"GLOB" help:"Leave servers out; repeatable."`
	ReplicationGrace   duration                   `group:"thresholds" default:"48h" placeholder:"DURATION" help:"How long after a change of AuthConfig a server may lack a certificate with a warning only (${default})."`
	MaxAge             duration                   `group:"thresholds" default:"24h" placeholder:"DURATION" help:"The oldest snapshot that is believed (${default})."`
	At                 instant                    `group:"thresholds" placeholder:"TIME" help:"Judge as of this date or RFC 3339 time; a snapshot's age is then not judged (now)."`

	Timeout duration `group:"run" short:"t" default:"50s" placeholder:"DURATION" help:"The whole run, in seconds or as in 1m30s (${default})."`

	Output       string      `group:"output" short:"o" default:"nagios" enum:"nagios, prtg, prtg-v2, zabbix, json" placeholder:"FORM" help:"${enum} (${default})."`
	Verbose      int         `group:"output" short:"v" type:"counter" help:"More detail; repeatable."`
	Save         string      `group:"output" placeholder:"FILE" help:"Also write the snapshot that was judged (mode 0600)."`
	Print        string      `group:"output" placeholder:"NAME" help:"Print what a monitoring system imports, or the collector, and exit 0: collector, zabbix, prtg-lookup, icinga2, director, nagios, nrpe, mrpe."`
	ListFindings bool        `group:"output" help:"Print every finding that the check knows, and exit 0."`
	Version      versionFlag `group:"output" short:"V" help:"Print the version, and exit 3."`
}

var groups = []kong.Group{
	{Key: "source", Title: "Where the facts come from:"},
	{Key: "crosschecks", Title: "What to compare them with:"},
	{Key: "connection", Title: "How to log on:"},
	{Key: "thresholds", Title: "What to report:"},
	{Key: "run", Title: "Run:"},
	{Key: "output", Title: "Output:"},
}

// parse reads the arguments. done is true when the answer, help or version,
// has been written already.
func (c *cli) parse(args []string, env func(string) string, out io.Writer) (done bool, err error) {
	parser, err := c.parser(out, kong.Exit(func(int) { done = true }))
	if err != nil {
		return false, err
	}
	_, err = parser.Parse(args)
	if done || err != nil {
		return done, err
	}
	if c.ListFindings || c.Print != "" {
		return false, nil
	}
	policy := c.policy()
	return false, errors.Join(c.oneSource(env), c.validateEntra(), policy.Validate())
}

// parser knows the options; what answers by itself is written to out. It
// defines no variables: kong (v1.17.0) expands each of them anew for every
// option, at every start, which takes longer than to parse the arguments.
func (c *cli) parser(out io.Writer, options ...kong.Option) (*kong.Kong, error) {
	return kong.New(c, append(options,
		kong.Name("check_exchange_authcert"),
		kong.Description("Checks the OAuth certificate of an Exchange organization (the Auth Certificate). Exit codes: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN."),
		kong.Writers(out, out),
		kong.ExplicitGroups(groups),
		kong.ConfigureHelp(kong.HelpOptions{WrapUpperBound: 160}),
	)...)
}

// oneSource sees that the facts come from exactly one place. PRTG's own device
// is the host when nothing else is named.
func (c *cli) oneSource(env func(string) string) error {
	if host := env("prtg_host"); host != "" && c.primaries() == 0 && len(c.LDAP) == 0 {
		c.Hostname = []string{host}
	}
	switch named := c.primaries(); {
	case named == 0 && len(c.LDAP) == 0:
		return errors.New("where do the facts come from? Name a server with --hostname HOST, a domain controller with --ldap URL, a file with --snapshot PATH, --local, or --published HOST")
	case named <= 1:
		return nil
	}
	return errors.New("--hostname, --local, --snapshot and --published exclude each other")
}

// primaries counts the sources that are named, Active Directory aside, which
// stands in for any.
func (c *cli) primaries() int {
	named := 0
	for _, is := range []bool{len(c.Hostname) > 0, c.Local, c.Snapshot != "", len(c.Published) > 0} {
		if is {
			named++
		}
	}
	return named
}

// policy is what the user wants to be told about.
func (c *cli) policy() authcert.Policy {
	p := authcert.DefaultPolicy()
	p.Warning, p.Critical, p.NextWarning = c.Warning, c.Critical, c.NextWarning
	p.SelfSignedWarning, p.SelfSignedCritical = c.Warning, c.Critical
	if c.SelfsignedWarning != nil {
		p.SelfSignedWarning = *c.SelfsignedWarning
	}
	if c.SelfsignedCritical != nil {
		p.SelfSignedCritical = *c.SelfsignedCritical
	}
	if len(c.Only) > 0 {
		p.Only = c.Only
	}
	p.States, p.ExcludeServers = c.State, c.ExcludeServer
	p.ReplicationGrace, p.MaxAge = time.Duration(c.ReplicationGrace), time.Duration(c.MaxAge)
	if !c.At.IsZero() {
		p.MaxAge = 0
	}
	return p
}

// duration is a time.Duration that also accepts bare seconds, which is what
// users of plugins type.
type duration time.Duration

// UnmarshalText reads "50", "50s" or "1m30s"; a duration is above zero.
func (d *duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	if seconds, notSeconds := strconv.ParseFloat(string(text), 64); notSeconds == nil && math.Abs(seconds) < 1e9 {
		parsed, err = time.Duration(seconds*float64(time.Second)), nil
	}
	if err != nil || parsed <= 0 {
		return fmt.Errorf("%q is no duration: want seconds, or as in 90s, 5m, 48h", text)
	}
	*d = duration(parsed)
	return nil
}

// instant is a point in time on the command line.
type instant struct{ time.Time }

// UnmarshalText reads an RFC 3339 time or a date, which is midnight UTC.
func (i *instant) UnmarshalText(text []byte) error {
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, string(text)); err == nil {
			i.Time = t
			return nil
		}
	}
	return fmt.Errorf("%q is no time: want a date, as in 2026-12-01, or RFC 3339, as in 2026-12-01T08:00:00Z", text)
}
