package wsman_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"check_exchange_authcert/plugin/wsman"
	"check_exchange_authcert/plugin/wsman/wsmantest"
)

func TestConfigurationsThatCannotWork(t *testing.T) {
	good := wsman.Config{URL: "http://ex01.contoso.test:5985/wsman", Auth: wsman.AuthNTLM, Username: "u", Password: wsman.NewSecret(testPassword)}
	if _, err := wsman.New(good); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		change func(*wsman.Config)
		reason wsman.Reason
		text   string
	}{
		"no URL":              {func(c *wsman.Config) { c.URL = "" }, wsman.ReasonUnsupported, "not an http or https URL"},
		"another scheme":      {func(c *wsman.Config) { c.URL = "ftp://ex01/" }, wsman.ReasonUnsupported, "not an http or https URL"},
		"a broken URL":        {func(c *wsman.Config) { c.URL = "http://u:" + testPassword + "@ex01:x/" }, wsman.ReasonUnsupported, "not an http or https URL"},
		"a user in the URL":   {func(c *wsman.Config) { c.URL = "http://u:" + testPassword + "@ex01/" }, wsman.ReasonUnsupported, "holds a user"},
		"no logon":            {func(c *wsman.Config) { c.Auth = "" }, wsman.ReasonUnsupported, "no such logon"},
		"no password":         {func(c *wsman.Config) { c.Password = wsman.Secret{} }, wsman.ReasonUnsupported, "needs a user and a password"},
		"no user":             {func(c *wsman.Config) { c.Username = "" }, wsman.ReasonUnsupported, "needs a user and a password"},
		"the wrong scheme":    {func(c *wsman.Config) { c.Scheme = wsman.SchemeKerberos }, wsman.ReasonUnsupported, "does not go with ntlm"},
		"no CA file":          {func(c *wsman.Config) { c.TLS.CAFile = "/nonexistent" }, wsman.ReasonUnreadable, "/nonexistent"},
		"a CA file of no use": {func(c *wsman.Config) { c.TLS.CAFile = write(t, testPassword) }, wsman.ReasonMalformed, "no certificate in the CA file"},
	} {
		t.Run(name, func(t *testing.T) {
			config := good
			test.change(&config)
			_, err := wsman.New(config)
			check(t, err, wsman.StageConfigure, test.reason, test.text)
		})
	}
}

func TestNothingPrintsThePassword(t *testing.T) {
	for _, auth := range []wsman.Auth{wsman.AuthNTLM, wsman.AuthKerberos} {
		w := newWorld(t, auth, wsmantest.Options{})
		c := w.conversation(t)
		if _, err := c.Do(t.Context(), createShell); err != nil {
			t.Fatal(err)
		}
		nested := struct{ hidden wsman.Config }{w.config}
		marshalled, err := json.Marshal(w.config)
		if err != nil {
			t.Fatal(err)
		}
		text := string(marshalled)
		for _, value := range []any{w.config, &w.config, nested, &nested, c, *c, w.config.Password} {
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
				text += fmt.Sprintf(verb, value)
			}
		}
		for _, form := range []string{testPassword, fmt.Sprintf("%x", testPassword), strings.Trim(fmt.Sprint([]byte(testPassword)), "[]")} {
			if strings.Contains(text, form) {
				t.Errorf("%s: the password is printed, as %s", auth, form)
			}
		}
	}
}

func TestProxiesOfTheEnvironmentAreIgnored(t *testing.T) {
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "ALL_PROXY"} {
		t.Setenv(name, "http://127.0.0.1:1")
	}
	w := newWorld(t, wsman.AuthNTLM, wsmantest.Options{})
	if _, err := w.conversation(t).Do(t.Context(), createShell); err != nil {
		t.Error(err)
	}
}

func TestNobodyListens(t *testing.T) {
	config := wsman.Config{URL: "http://127.0.0.1:1/wsman", Auth: wsman.AuthNTLM, Username: "u", Password: wsman.NewSecret(testPassword)}
	c, err := wsman.New(config)
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Do(t.Context(), createShell)
	check(t, err, wsman.StageConnect, wsman.ReasonUnreachable, "connecting to 127.0.0.1:1")
	config.URL = "http://no-such-host.invalid/wsman"
	if c, err = wsman.New(config); err != nil {
		t.Fatal(err)
	}
	_, err = c.Do(t.Context(), createShell)
	check(t, err, wsman.StageResolve, wsman.ReasonUnreachable, "looking up no-such-host.invalid")
}
