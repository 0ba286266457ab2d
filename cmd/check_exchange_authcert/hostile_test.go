package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"check_exchange_authcert/plugin/authcert"
)

// hostileTexts are what an attacker may write where a text comes from outside,
// as a JSON string without its quotes.
var hostileTexts = func() []string {
	texts := []string{
		"x | current_days=9999;1;1", "x|'current_days'=1", "=1 servers=0;;", "OK - fine\nOK - fine | a=1", "x\r\nOK - fine", "x\n\n\n| a=1\n",
		"\x1b[2J\x1b]0;title\x07", "\x1b]8;;http://x/\x1b\\link\x1b]8;;\x1b\\", "\u009b2J\u009d0;x\u009c\u0085\u0090", "\x7f\b\b\b\t\v\f", "a\u2028b\u2029c",
		"\u202etxt.exe\u202c\u2066x\u2069\u200e\u200f\u061c", "a\u200bb\ufeffc\u00ad\U000e0041", "a\x00b", "\ufffe\uffff\U0001fffe",
		"<script>alert(1)</script>", "]]></text><error>1</error>", "<!--", "<![CDATA[", "&lt;b&gt;&amp;&#35;&x;", "# clipped", "\"},{\"status\":\"OK\"", "\\\"\\", "$.x['a'].b", "}{[]",
		"{$X} {HOST.NAME} {{#X}} {ITEM.LASTVALUE}", "$USER5$ $HOSTADDRESS$ $$", "%n%s%d%!v(MISSING)", "'; Remove-Mailbox x; '", "\u2018\u2019\u201a\u201b\u201c\u201d", "`n$(Get-Mailbox)`", "--% x", "-x", "\n; Remove-Mailbox x",
		strings.Repeat("long|#<\U0001F600 ", 1000), strings.Repeat("x", 10000), "\xff\xfe\xc0\xaf\xed\xa0\x80", "\xf0\x9f\x98",
	}
	escape := strings.NewReplacer(`\`, `\\`, `"`, `\"`)
	for i, text := range texts {
		var b strings.Builder
		for _, c := range []byte(escape.Replace(text)) { // bytes: what is no UTF-8 shall stay so
			if c < ' ' {
				fmt.Fprintf(&b, `\u%04x`, c)
				continue
			}
			b.WriteByte(c)
		}
		texts[i] = b.String()
	}
	texts = append(texts, `\ud800`, `x\udfffy\ud83d`)
	return append(texts, strings.Join(texts, ""))
}()

// deciding are the fields of a snapshot that a rule looks at: names, kinds,
// and what is read as a date, a thumbprint or a certificate. All others are
// text for people, and a new field is until it is named here.
var deciding = strings.Fields(`takenAt kind currentCertificateThumbprint previousCertificateThumbprint nextCertificateThumbprint nextCertificateEffectiveDate
	serviceName realm whenChangedUTC organizationGuid fqdn adminDisplayVersion role internalTransportCertificateThumbprint rawData services keyProvider serverName
	thumbprints certificates thumbprint endDateTime stage reason`)

// mark stands in a document for the text that is to be put there.
const mark = "THE-HOSTILE-TEXT"

// leaf is one text of a document.
type leaf struct {
	path    string
	decides bool
	set     func(string)
	text    string
}

// leaves lists every text of a document, of lists those of the first and the
// last element.
func leaves(value any, path string) (all []leaf) {
	each := func(key string, child any, set func(any)) {
		here := path + "." + key
		if text, is := child.(string); is {
			field := strings.TrimRight(strings.TrimRight(here, "0123456789"), ".")
			field = field[strings.LastIndexByte(field, '.')+1:]
			all = append(all, leaf{here, slices.Contains(deciding, field), func(s string) { set(s) }, text})
			return
		}
		all = append(all, leaves(child, here)...)
	}
	switch value := value.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(value)) {
			each(key, value[key], func(v any) { value[key] = v })
		}
	case []any:
		for i := range value {
			if i == 0 || i == len(value)-1 {
				each(fmt.Sprint(i), value[i], func(v any) { value[i] = v })
			}
		}
	}
	return all
}

// complete sets what is empty in a value: a field that nobody has filled yet has a
// text like any other.
func complete(v reflect.Value) {
	switch {
	case v.Type() == reflect.TypeFor[authcert.Thumbprint]() && v.String() == "":
		v.SetString(strings.Repeat("AB", 20))
	case v.Kind() == reflect.String && v.String() == "":
		v.SetString("text")
	case v.Type() == reflect.TypeFor[authcert.Instant]() || v.Type() == reflect.TypeFor[authcert.DER]():
	case v.Kind() == reflect.Pointer:
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		complete(v.Elem())
	case v.Kind() == reflect.Slice:
		if v.Len() == 0 {
			v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		}
		complete(v.Index(0))
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			complete(v.Field(i))
		}
	}
}

// snapshots are the bundled ones, and one in which every field of everything
// is set, with all that cross-checks add.
func snapshots(t *testing.T) map[string]*authcert.Snapshot {
	t.Helper()
	files, err := filepath.Glob("../../testdata/snapshots/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no snapshots: %v", err)
	}
	all := map[string]*authcert.Snapshot{}
	for _, file := range append(files, "../../testdata/snapshots/trouble.json") {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		snap, err := authcert.DecodeSnapshot(data)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		if all[name] != nil {
			name = "merged"
			snap.Servers = authcert.List[authcert.Server]{snap.Servers[0], snap.Servers[2]}
			complete(reflect.ValueOf(snap).Elem()) // of a list the first one
			complete(reflect.ValueOf(&snap.Servers[1]).Elem())
			snap.Servers[0].Error = nil
		}
		all[name] = snap
	}
	return all
}

// document is a snapshot as JSON and in parts.
func document(t *testing.T, snap *authcert.Snapshot) any {
	t.Helper()
	data, err := json.Marshal(snap)
	if err != nil {
		t.Fatal(err)
	}
	var tree any
	if err := json.Unmarshal(data, &tree); err != nil {
		t.Fatal(err)
	}
	return tree
}

// answers are all forms of the verdict on a document.
func answers(t *testing.T, tree any, text string) (authcert.Result, map[string]string) {
	t.Helper()
	data, err := json.Marshal(tree)
	if err != nil {
		t.Fatal(err)
	}
	snap, err := authcert.DecodeSnapshot(bytes.ReplaceAll(data, []byte(mark), []byte(text)))
	if err != nil {
		return inEveryForm(t, authcert.Failed(&authcert.Problem{Stage: "reading the snapshot", Reason: authcert.Malformed, Message: err.Error()}, authcert.At(start)))
	}
	return inEveryForm(t, authcert.Judge(snap, authcert.DefaultPolicy(), start))
}

// inEveryForm is a result in all forms.
func inEveryForm(t *testing.T, result authcert.Result) (authcert.Result, map[string]string) {
	t.Helper()
	result.Metrics = append(result.Metrics, authcert.Metric{Name: "time", Value: 0.5, Unit: "s"})
	all := map[string]string{}
	for _, form := range forms {
		for verbosity := range 3 {
			if verbosity > 0 && form.name != "nagios" {
				continue
			}
			var out bytes.Buffer
			if err := form.write(&out, result, verbosity); err != nil {
				t.Fatal(err)
			}
			all[form.name+strings.Repeat("v", verbosity)] = out.String()
		}
	}
	return result, all
}

// found is what a verdict consists of, without its words.
func found(result authcert.Result) []string {
	all := []string{result.Status.String()}
	for _, f := range result.Findings {
		all = append(all, fmt.Sprint(f.ID, " ", f.Status, " ", f.Thumbprint))
	}
	return all
}

// TestHostileTexts puts each hostile text into each text of each snapshot, one
// at a time and into all at once: no output gets out of shape, and where the
// field is text for people nothing but words changes.
func TestHostileTexts(t *testing.T) {
	for name, snap := range snapshots(t) {
		t.Run(name, func(t *testing.T) {
			tree := document(t, snap)
			want, wanted := answers(t, tree, "")
			bones := map[string][]string{}
			for form, output := range wanted {
				bones[form] = skeleton(form, output)
				if problem := outOfShape(form, output, want); problem != "" {
					t.Errorf("%s: %s", form, problem)
				}
			}
			all := leaves(tree, "")
			if len(all) < 5 {
				t.Fatalf("%d texts in the snapshot", len(all))
			}
			try := func(path, text string, decides bool) {
				got, written := answers(t, tree, text)
				at := fmt.Sprintf("%s = %.40q", path, text)
				for form, output := range written {
					if output == wanted[form] {
						continue
					}
					if problem := outOfShape(form, output, got); problem != "" {
						t.Errorf("%s: %s: %s\n%.2000s", at, form, problem, output)
					}
				}
				if got.Status == authcert.OK && want.Status != authcert.OK {
					t.Errorf("%s: OK, without it %s", at, want.Status)
				}
				if decides {
					return
				}
				if diff := cmp.Diff(found(want), found(got)); diff != "" {
					t.Errorf("%s: verdict (-without +with):\n%s", at, diff)
				}
				for form, output := range written {
					if output == wanted[form] {
						continue
					}
					if got := skeleton(form, output); !slices.Equal(got, bones[form]) {
						t.Errorf("%s: %s (-without +with):\n%s", at, form, cmp.Diff(bones[form], got))
					}
				}
			}
			everything := hostileTexts[len(hostileTexts)-1]
			for _, leaf := range all {
				texts := []string{everything}
				if name == "merged" && !testing.Short() {
					texts = hostileTexts
				}
				leaf.set(mark)
				for _, text := range texts {
					try(leaf.path, text, leaf.decides)
				}
				leaf.set(leaf.text)
			}
			for _, decides := range []bool{false, true} {
				for _, leaf := range all {
					if decides || !leaf.decides {
						leaf.set(mark)
					}
				}
				for _, text := range hostileTexts {
					try("all at once", text, decides)
				}
			}
		})
	}
}
