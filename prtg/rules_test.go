package prtg_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"check_exchange_authcert/plugin/authcert"
	"check_exchange_authcert/prtg"
)

// sensor is what PRTG's manual lets an EXE/Script Advanced sensor say, as far
// as we use it.
type sensor struct {
	XMLName xml.Name        `xml:"prtg"`
	Results []sensorChannel `xml:"result"`
	Error   string          `xml:"error"`
	Text    string          `xml:"text"`
	Other   []struct {
		XMLName xml.Name
	} `xml:",any"`
}

type sensorChannel struct {
	Channel         string `xml:"channel"`
	Value           int64  `xml:"value"`
	Unit            string `xml:"unit"`
	CustomUnit      string `xml:"customunit"`
	ValueLookup     string `xml:"valuelookup"`
	LimitMode       int    `xml:"limitmode"`
	LimitMinWarning *int   `xml:"limitminwarning"`
	LimitMinError   *int   `xml:"limitminerror"`
	Other           []struct {
		XMLName xml.Name
	} `xml:",any"`
}

func readXML(t *testing.T, result authcert.Result) (sensor, string) {
	t.Helper()
	var out bytes.Buffer
	if err := prtg.XML(&out, result); err != nil {
		t.Fatal(err)
	}
	var got sensor
	if err := xml.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatalf("not well-formed: %v\n%s", err, out.String())
	}
	return got, out.String()
}

// answer is what the schema of a Script v2 sensor allows, as far as we use it.
type answer struct {
	Version  int             `json:"version"`
	Status   string          `json:"status"`
	Message  string          `json:"message"`
	Channels []answerChannel `json:"channels"`
}

type answerChannel struct {
	ID          int    `json:"id"`
	Name        string `json:"name"`
	Type        string `json:"type"`
	Value       int64  `json:"value"`
	Kind        string `json:"kind"`
	DisplayUnit string `json:"display_unit"`
	LookupName  string `json:"lookup_name"`
}

func readJSON(t *testing.T, result authcert.Result) answer {
	t.Helper()
	var out bytes.Buffer
	if err := prtg.JSON(&out, result); err != nil {
		t.Fatal(err)
	}
	decoder := json.NewDecoder(&out)
	decoder.DisallowUnknownFields()
	var got answer
	if err := decoder.Decode(&got); err != nil {
		t.Fatal(err)
	}
	return got
}

// names are the channels in their order: PRTG makes a new channel of another
// name, and of another number in Script v2.
var names = []string{
	"Status", "Current certificate: days left", "Next certificate: days left", "Shortest self-signed certificate: days left",
	"Servers", "Servers unreadable", "Servers without current certificate", "Servers without next certificate",
	"Findings: critical", "Findings: warning", "Findings: unknown",
}

func TestChannelsAreFixed(t *testing.T) {
	result := results(t)["trouble"] // knows everything
	got, _ := readXML(t, result)
	var xmlNames, jsonNames []string
	for _, channel := range got.Results {
		xmlNames = append(xmlNames, channel.Channel)
	}
	for i, channel := range readJSON(t, result).Channels {
		jsonNames = append(jsonNames, channel.Name)
		if want := 10 + i; channel.ID != want {
			t.Errorf("channel %q has number %d, want %d", channel.Name, channel.ID, want)
		}
	}
	if diff := cmp.Diff(names, xmlNames); diff != "" {
		t.Errorf("channels of the XML (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(names, jsonNames); diff != "" {
		t.Errorf("channels of Script v2 (-want +got):\n%s", diff)
	}
}

// TestUnknownHasNoChannel: an organization without a next certificate has no
// days left of it, and keeps the numbers of the other channels.
func TestUnknownHasNoChannel(t *testing.T) {
	result := results(t)["healthy"]
	got, _ := readXML(t, result)
	for _, channel := range got.Results {
		if strings.Contains(strings.ToLower(channel.Channel), "next") {
			t.Errorf("there is a channel %q with %d, although no next certificate is configured", channel.Channel, channel.Value)
		}
	}
	for _, channel := range readJSON(t, result).Channels {
		if want := names[channel.ID-10]; channel.Name != want {
			t.Errorf("number %d is %q, want %q", channel.ID, channel.Name, want)
		}
	}
}

// TestLimits: only a plain minimum of whole days is a limit of the channel.
func TestLimits(t *testing.T) {
	limit := func(n int) *int { return &n }
	for _, row := range []struct {
		warning, critical         string
		wantWarning, wantCritical *int
		wantMode                  int
	}{
		{"60", "30", limit(60), limit(30), 1},
		{"60:", "~:10", limit(60), nil, 1},
		{"10:20", "@10:20", nil, nil, 0},
		{"59.5", "0", nil, limit(0), 1},
		{"-5:", "-10:", limit(-5), limit(-10), 1},
	} {
		policy := authcert.DefaultPolicy()
		for text, to := range map[string]*authcert.Range{row.warning: &policy.Warning, row.critical: &policy.Critical} {
			if err := to.UnmarshalText([]byte(text)); err != nil {
				t.Fatal(err)
			}
		}
		got, _ := readXML(t, judge(t, filepath.Join(testdata, "snapshots", "healthy.json"), policy))
		days := got.Results[1]
		want := sensorChannel{Channel: names[1], Value: 412, Unit: "Custom", CustomUnit: "days",
			LimitMode: row.wantMode, LimitMinWarning: row.wantWarning, LimitMinError: row.wantCritical}
		if diff := cmp.Diff(want, days); diff != "" {
			t.Errorf("-w %s -c %s (-want +got):\n%s", row.warning, row.critical, diff)
		}
	}
}

// TestNothingJudged: an error is told from a verdict of UNKNOWN.
func TestNothingJudged(t *testing.T) {
	all := results(t)
	for name, want := range map[string]bool{"failed": true, "unknown": true, "healthy": false, "trouble": false, "hostile": false} {
		got, _ := readXML(t, all[name])
		if isError := got.Error == "1"; isError != want {
			t.Errorf("%s: <error> is %q, want an error: %t", name, got.Error, want)
		}
		v2 := readJSON(t, all[name])
		if noChannels := len(v2.Channels) == 0; noChannels != want || want && v2.Status != "error" {
			t.Errorf("%s: Script v2 has status %q and %d channels, want an error: %t", name, v2.Status, len(v2.Channels), want)
		}
	}
}

// TestLookup: the lookup is the one that the channel names, and gives each
// status the state of Script v2.
func TestLookup(t *testing.T) {
	var lookup struct {
		ID     string `xml:"id,attr"`
		Values []struct {
			State string `xml:"state,attr"`
			Value int    `xml:"value,attr"`
			Text  string `xml:",chardata"`
		} `xml:"Lookups>SingleInt"`
	}
	if err := xml.Unmarshal([]byte(prtg.Lookup), &lookup); err != nil {
		t.Fatal(err)
	}
	got, _ := readXML(t, results(t)["healthy"])
	if lookup.ID != got.Results[0].ValueLookup {
		t.Errorf("the lookup is called %q, the channel names %q", lookup.ID, got.Results[0].ValueLookup)
	}
	if len(lookup.Values) != 4 {
		t.Fatalf("%d values, want 4", len(lookup.Values))
	}
	for _, status := range []authcert.Status{authcert.OK, authcert.Warning, authcert.Critical, authcert.Unknown} {
		value := lookup.Values[status.Code()]
		if value.Value != status.Code() || !strings.EqualFold(value.Text, status.String()) {
			t.Errorf("value %d is %q, want %d and %s", value.Value, value.Text, status.Code(), status)
		}
		v2 := readJSON(t, authcert.Result{Status: status, AuthConfig: &authcert.AuthConfig{}})
		if !strings.EqualFold(value.State, v2.Status) {
			t.Errorf("%s is %s in the lookup and %s in Script v2", status, value.State, v2.Status)
		}
	}
}

// check holds both documents against PRTG's rules.
func check(t *testing.T, result authcert.Result) {
	t.Helper()
	got, document := readXML(t, result)
	v2 := readJSON(t, result)
	if strings.Contains(document, "#") {
		t.Errorf("a # clips the message: %s", document)
	}
	if !utf8.ValidString(document) || len(got.Other) > 0 {
		t.Errorf("not UTF-8, or other elements than PRTG knows: %v", got.Other)
	}
	for _, text := range []string{got.Text, v2.Message} {
		if n := len(utf16.Encode([]rune(text))); n > 2000 || n == 0 {
			t.Errorf("the text has %d characters, want 1 to 2000", n)
		}
		if strings.ContainsAny(text, "#<>\r\n\x00\x1b") {
			t.Errorf("the text is not harmless: %q", text)
		}
		if !strings.HasPrefix(text, result.Status.String()+" -") {
			t.Errorf("the text %q does not begin with the status %s", text, result.Status)
		}
	}
	if got.Error != "" {
		if len(got.Results) > 0 {
			t.Error("an error has results")
		}
		return
	}
	if len(got.Results) == 0 || len(got.Results) > 50 || len(got.Results) != len(v2.Channels) {
		t.Fatalf("%d and %d channels, want the same number from 1 to 50", len(got.Results), len(v2.Channels))
	}
	first := got.Results[0]
	if first.Channel != "Status" || first.Value != int64(result.Status.Code()) || v2.Channels[0].Value != first.Value {
		t.Errorf("the first channel is %q with %d, want Status with %d", first.Channel, first.Value, result.Status.Code())
	}
	for _, channel := range got.Results {
		if len(channel.Other) > 0 || channel.ValueLookup != "" && channel.LimitMode != 0 {
			t.Errorf("channel %q: unknown elements %v, or a lookup beside limits", channel.Channel, channel.Other)
		}
	}
}

func TestRules(t *testing.T) {
	for name, result := range results(t) {
		t.Run(name, func(t *testing.T) { check(t, result) })
	}
}

// FuzzTexts puts any text and any value wherever a server's may stand.
func FuzzTexts(f *testing.F) {
	f.Add("fine", uint8(1), -3.0, 0)
	f.Add("]]></text><error>1</error>#&amp;\x00\xff\u2028\U0001F600", uint8(2), 1e9, 40)
	f.Add(strings.Repeat("\U0001F600…", 1500), uint8(9), 0.5, 3)
	f.Fuzz(func(t *testing.T, text string, status uint8, value float64, findings int) {
		result := authcert.Result{
			Status: authcert.Status(status), Summary: text, AuthConfig: &authcert.AuthConfig{ServiceName: text},
			Servers: []authcert.ServerResult{{FQDN: text, Readable: true, Reason: authcert.Reason(text)}},
			Metrics: []authcert.Metric{{Name: "current_days", Value: value, Warning: new(authcert.AtLeast(value))}, {Name: text, Value: value}},
		}
		for range min(findings, 50) {
			result.Findings = append(result.Findings, authcert.Finding{ID: text, Status: authcert.Status(status), Message: text, Remedy: text})
		}
		check(t, result)
		check(t, authcert.Failed(&authcert.Problem{Stage: text, Reason: authcert.Reason(text), Message: text, Hint: text}, authcert.Instant{}))
	})
}
