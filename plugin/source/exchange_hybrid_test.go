package source_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"check_exchange_authcert/plugin/authcert"
	"check_exchange_authcert/plugin/wsman/wsmantest"
)

// TestRemotingHybrid tells from four cmdlets whether the organization shares OAuth with Exchange Online.
func TestRemotingHybrid(t *testing.T) {
	properties := func(text string) wsmantest.CmdletResult { return outputs(object("x", text, "")) }
	kind := func(name string, number int) string {
		return fmt.Sprintf(`<Obj N="Type" RefId="1"><TN RefId="1"><T>System.Enum</T></TN><ToString>%s</ToString><I32>%d</I32></Obj>`, name, number)
	}
	const enabled, service = `<B N="Enabled">true</B>`, `<S N="ApplicationIdentifier">00000002-0000-0FF1-CE00-000000000000</S>`
	override := func(parameter string) wsmantest.CmdletResult {
		return properties(`<S N="ComponentName">Global</S><S N="SectionName">ExchangeOnpremAsThirdPartyAppId</S><Obj N="Parameters" RefId="1"><LST><S>Other=1</S><S>` + parameter + `</S></LST></Obj>`)
	}
	entra, partner := properties(enabled+kind("AzureAD", 5)), properties(enabled+service)
	fails := wsmantest.CmdletResult{Failure: errorRecord(0, "", "System.NullReferenceException")}
	type cmdlets = map[string]wsmantest.CmdletResult
	yes, no := new(true), new(false)
	for name, row := range map[string]struct {
		answer       cmdlets // of Get-…
		configured   *bool
		dedicatedApp *bool
	}{
		"none":                              {nil, no, no},
		"wizard, all else fails":            {cmdlets{"HybridConfiguration": properties(""), "AuthServer": fails, "PartnerApplication": fails, "SettingOverride": fails}, yes, nil},
		"by hand, dedicated application":    {cmdlets{"HybridConfiguration": fails, "AuthServer": entra, "PartnerApplication": partner, "SettingOverride": override("enabled=TRUE")}, yes, yes},
		"by hand, with ACS":                 {cmdlets{"AuthServer": properties(enabled + kind("MicrosoftACS", 1)), "PartnerApplication": partner}, yes, no},
		"by hand, a type in numbers":        {cmdlets{"AuthServer": properties(enabled + `<I32 N="Type">5</I32>`), "PartnerApplication": partner}, yes, no},
		"by hand, ACS in numbers":           {cmdlets{"AuthServer": properties(enabled + `<S N="Type">1</S>`), "PartnerApplication": partner}, yes, no},
		"by hand, ACS as a number":          {cmdlets{"AuthServer": properties(enabled + `<I32 N="Type">1</I32>`), "PartnerApplication": partner}, yes, no},
		"by hand, all in words":             {cmdlets{"AuthServer": properties(`<S N="Enabled">True</S><S N="Type">AzureAD</S>`), "PartnerApplication": properties(`<S N="Enabled">True</S>` + service)}, yes, no},
		"by hand, the second one of each":   {cmdlets{"AuthServer": outputs(properties("").Output[0], entra.Output[0]), "PartnerApplication": outputs(properties("").Output[0], partner.Output[0])}, yes, no},
		"another authorization server":      {cmdlets{"AuthServer": properties(enabled + kind("ADFS", 4)), "PartnerApplication": partner}, no, no},
		"another partner":                   {cmdlets{"AuthServer": entra, "PartnerApplication": properties(enabled + strings.Replace(service, "2", "4", 1))}, no, no},
		"no partner":                        {cmdlets{"AuthServer": entra}, no, no},
		"switched off":                      {cmdlets{"AuthServer": properties(`<B N="Enabled">false</B>` + kind("AzureAD", 5)), "PartnerApplication": partner, "SettingOverride": override("Enabled=false")}, no, no},
		"the partner is switched off":       {cmdlets{"AuthServer": entra, "PartnerApplication": properties(`<B N="Enabled">false</B>` + service)}, no, no},
		"another setting":                   {cmdlets{"SettingOverride": properties(`<S N="ComponentName">Global</S><S N="SectionName">x</S><Obj N="Parameters" RefId="1"><LST><S>Enabled=true</S></LST></Obj>`)}, no, no},
		"no wizard known":                   {cmdlets{"HybridConfiguration": fails}, nil, no},
		"no authorization server known":     {cmdlets{"AuthServer": fails, "PartnerApplication": partner}, nil, no},
		"no partner known, nor the setting": {cmdlets{"AuthServer": entra, "PartnerApplication": fails, "SettingOverride": fails}, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			e := exchange{answer: cmdlets{}}
			for noun, result := range row.answer {
				e.answer["Get-"+noun] = result
			}
			_, r := endpoint(t, &e, wsmantest.Options{})
			snap, err := r.Snapshot(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(&authcert.Hybrid{Configured: row.configured, DedicatedApp: row.dedicatedApp}, snap.Hybrid); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
