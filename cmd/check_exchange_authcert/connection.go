package main

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"check_exchange_authcert/plugin"
	"check_exchange_authcert/plugin/authcert"
	"check_exchange_authcert/plugin/source"
	"check_exchange_authcert/plugin/wsman"
)

// connection is how a host is reached and logged on to.
type connection struct {
	Username            string   `group:"connection" short:"u" placeholder:"NAME" help:"user@REALM means Kerberos, DOMAIN\\user or a bare name NTLM. The password comes from --credentials or CHECK_EXCHANGE_AUTHCERT_PASSWORD."`
	Auth                string   `group:"connection" default:"auto" enum:"auto,kerberos,ntlm,basic" placeholder:"WAY" help:"kerberos, ntlm, or basic over verified https (${default}: by the user's name). Nothing falls back to another way."`
	Credentials         string   `group:"connection" placeholder:"FILE" help:"Lines username = …, password = … and domain = …; not readable by every account."`
	Keytab              string   `group:"connection" placeholder:"FILE" help:"Kerberos with a keytab instead of a password."`
	Ccache              string   `group:"connection" placeholder:"FILE" help:"Kerberos with a credential cache instead of a password."`
	Krb5Conf            string   `group:"connection" name:"krb5-conf" placeholder:"FILE" help:"A krb5.conf for realm and KDCs; none is read unless it is named."`
	Kdc                 []string `group:"connection" sep:"none" placeholder:"HOST" help:"A KDC, instead of those that DNS names; repeatable."`
	ExchangeUsername    string   `group:"connection" placeholder:"NAME" help:"Another account for Exchange's own PowerShell endpoint; its password comes from CHECK_EXCHANGE_AUTHCERT_EXCHANGE_PASSWORD."`
	ExchangeCredentials string   `group:"connection" placeholder:"FILE" help:"The same, from a file."`
	ExchangeURL         string   `group:"connection" name:"exchange-url" placeholder:"URL" help:"Exchange's PowerShell endpoint; {host} stands for the host (http://{host}/PowerShell/, with --https https)."`
	Port                port     `group:"connection" short:"p" placeholder:"PORT" help:"WinRM's port (5985, with --https 5986)."`
	HTTPS               bool     `group:"connection" name:"https" help:"TLS for WinRM and for Exchange's endpoint."`
	CAFile              string   `group:"connection" name:"ca-file" placeholder:"FILE" help:"Trust these certificates (PEM) only."`
	TLSServerName       string   `group:"connection" name:"tls-server-name" placeholder:"NAME" help:"The name in the host's certificate, if it is another."`
	Insecure            bool     `group:"connection" help:"Do not verify the host's TLS certificate."`
}

// Variables of the environment that hold secrets.
const (
	passwordVariable         = "CHECK_EXCHANGE_AUTHCERT_PASSWORD"          //nolint:gosec // the name of a variable
	exchangePasswordVariable = "CHECK_EXCHANGE_AUTHCERT_EXCHANGE_PASSWORD" //nolint:gosec // the name of a variable
	prtgPasswordVariable     = "prtg_windowspassword"                      //nolint:gosec // the name of a variable
)

var secretVariables = []string{passwordVariable, exchangePasswordVariable, prtgPasswordVariable}

// accounts are who logs on to the host, and to Exchange's endpoint.
type accounts struct {
	host, exchange source.Credentials
}

// account puts names, files and environment together. What stands on the
// command line wins; PRTG's values come last.
func (c *connection) account(env func(string) string) (accounts, error) {
	var a accounts
	var err error
	switch {
	case c.Credentials != "":
		a.host, err = source.ReadCredentials(c.Credentials)
	case c.Username != "":
		a.host = source.NewCredentials(c.Username, "", env(passwordVariable))
	case c.Keytab == "" && c.Ccache == "":
		a.host = source.NewCredentials(env("prtg_windowsuser"), env("prtg_windowsdomain"), env(prtgPasswordVariable))
	}
	if err != nil {
		return a, err
	}
	if c.Username != "" {
		a.host.Username = c.Username
	}
	switch {
	case c.ExchangeCredentials != "":
		a.exchange, err = source.ReadCredentials(c.ExchangeCredentials)
	case c.ExchangeUsername != "":
		a.exchange = source.NewCredentials(c.ExchangeUsername, "", env(exchangePasswordVariable))
	default:
		a.exchange = a.host
	}
	return a, err
}

// hosts are the named hosts, each with the ways in which it is asked.
func (c *cli) hosts(a accounts, now time.Time) (plugin.Source, error) {
	if err := c.usable(a.host); err != nil {
		return nil, err
	}
	var hosts source.Hosts
	for _, named := range c.Hostname {
		name, port, ok := source.ParseHost(named)
		if !ok || port != "" {
			return nil, fmt.Errorf("--hostname %q: want a name or an address, as in ex01.contoso.com, 192.0.2.10 or 2001:db8::10; WinRM's port is --port", named)
		}
		host := source.Host{Name: name}
		for _, via := range c.Via {
			way, err := c.way(via, name, a, now)
			if err != nil {
				return nil, err
			}
			host.Ways = append(host.Ways, way)
		}
		hosts = append(hosts, host)
	}
	return hosts, nil
}

// usable tells what an account lacks to log on with it.
func (c *connection) usable(account source.Credentials) error {
	withTicket := c.Keytab != "" || c.Ccache != ""
	switch {
	case !withTicket && (account.Username == "" || !account.HasPassword()):
		return fmt.Errorf("no account or no password: name a file with --credentials, or a --username and its password in %s", passwordVariable)
	case withTicket && c.auth(account.Username) != wsman.AuthKerberos:
		return errors.New("--keytab and --ccache are for Kerberos: give --username as user@REALM")
	}
	return nil
}

// way is one way to ask a host.
func (c *cli) way(via, host string, a accounts, now time.Time) (source.Way, error) {
	if via == "winrm" {
		port := strconv.Itoa(c.port())
		return source.Way{Name: via, Address: net.JoinHostPort(host, port), Source: source.WinRM{
			Shell:    c.conversation(c.scheme()+"://"+source.InURL(host)+":"+port+"/wsman", a.host, c.auth(a.host.Username)),
			Exchange: c.exchange(host, a),
		}}, nil
	}
	endpoint := strings.ReplaceAll(cmp.Or(c.ExchangeURL, c.scheme()+"://{host}/PowerShell/"), "{host}", source.InURL(host))
	parsed, err := url.Parse(endpoint)
	if err != nil || parsed.Host == "" {
		return source.Way{}, errors.New("--exchange-url: want http://{host}/PowerShell/ or https://{host}/PowerShell/")
	}
	port := cmp.Or(parsed.Port(), map[string]string{"http": "80", "https": "443"}[parsed.Scheme])
	config := c.conversation(endpoint, a.exchange, c.auth(a.exchange.Username))
	if c.ExchangeUsername != "" || c.ExchangeCredentials != "" {
		config.Kerberos.Keytab, config.Kerberos.CCache = "", "" // they are the other account's
	}
	policy := c.policy()
	return source.Way{Name: via, Address: net.JoinHostPort(parsed.Hostname(), port), Source: source.Remoting{Endpoint: config, Now: now, Concerns: policy.Concerns}}, nil
}

// conversation is how one URL is talked to as one account.
func (c *connection) conversation(url string, account source.Credentials, auth wsman.Auth) wsman.Config {
	return wsman.Config{
		URL: url, Auth: auth, Username: account.Username, Domain: account.Domain, Password: account.Secret(),
		Kerberos:  wsman.Kerberos{KDCs: c.Kdc, Keytab: c.Keytab, CCache: c.Ccache, ConfigFile: c.Krb5Conf},
		TLS:       wsman.TLS{CAFile: c.CAFile, ServerName: c.TLSServerName, Insecure: c.Insecure},
		UserAgent: "check_exchange_authcert",
	}
}

// auth chooses by the user's name unless the way is given.
func (c *connection) auth(username string) wsman.Auth {
	switch {
	case c.Auth != "auto":
		return wsman.Auth(c.Auth)
	case strings.Contains(username, "@"), username == "" && (c.Keytab != "" || c.Ccache != ""):
		return wsman.AuthKerberos
	}
	return wsman.AuthNTLM
}

// exchange is Exchange's endpoint as the collector asks it. Without an URL the
// collector takes that of the host it runs on.
func (c *connection) exchange(host string, a accounts) source.Exchange {
	url := c.ExchangeURL
	if url == "" && c.HTTPS {
		url = "https://{host}/PowerShell/"
	}
	auth := ""
	if host == "" && c.Auth != "auto" {
		auth = c.Auth // from a host it is what leads there
	}
	return source.Exchange{
		Auth: auth, URL: strings.ReplaceAll(url, "{host}", cmp.Or(source.InURL(host), "localhost")), Account: a.exchange, Insecure: c.Insecure,
		Ports: []int{authcert.BackEndPort},
	}
}

func (c *connection) scheme() string {
	if c.HTTPS {
		return "https"
	}
	return "http"
}

// port is the number of one. Where other plugins have -p for a password, people
// type one here: what is wrong is not repeated.
type port int

// UnmarshalText reads a number from 1 to 65535.
func (p *port) UnmarshalText(text []byte) error {
	number, err := strconv.ParseUint(string(text), 10, 16)
	if err != nil || number == 0 {
		return errors.New("want a number from 1 to 65535")
	}
	*p = port(number)
	return nil
}

func (c *connection) port() int {
	switch {
	case c.Port != 0:
		return int(c.Port)
	case c.HTTPS:
		return 5986
	}
	return 5985
}
