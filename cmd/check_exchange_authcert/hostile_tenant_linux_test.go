package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"check_exchange_authcert/plugin"
	"check_exchange_authcert/plugin/authcert"
	"check_exchange_authcert/plugin/source"
)

// hostileTenants are what Entra ID and Graph say; what silent ones say is not
// repeated.
var hostileTenants = []struct {
	name   string
	silent bool
	answer func(w http.ResponseWriter, r *http.Request, quoted string) bool // false leaves it to the sound tenant
}{
	{"a dedicated application", false, func(w http.ResponseWriter, r *http.Request, quoted string) bool {
		return reply(w, r, "/applications", `{"value":[{"id":"1","appId":%[1]s,"displayName":%[1]s}]}`, quoted)
	}},
	{"several applications", false, func(w http.ResponseWriter, r *http.Request, quoted string) bool {
		return reply(w, r, "/applications", `{"value":[{"id":%[1]s,"appId":%[1]s,"displayName":%[1]s},{"id":"2","appId":"x","displayName":"x"}]}`, quoted)
	}},
	{"keys", true, func(w http.ResponseWriter, r *http.Request, quoted string) bool {
		return reply(w, r, "/applications/1", `{"keyCredentials":[{"customKeyIdentifier":%[1]s,"endDateTime":%[1]s,"displayName":%[1]s,"keyId":%[1]s,"type":%[1]s}]}`, quoted)
	}},
	{"a refused logon", true, func(w http.ResponseWriter, r *http.Request, quoted string) bool {
		w.WriteHeader(http.StatusUnauthorized)
		return reply(w, r, "", `{"error":%[1]s,"error_description":%[1]s,"trace_id":%[1]s}`, quoted)
	}},
	{"a refusal of Graph", true, func(w http.ResponseWriter, r *http.Request, quoted string) bool {
		if r.Host != "graph.microsoft.com" {
			return false
		}
		w.WriteHeader(http.StatusForbidden)
		return reply(w, r, "", `{"error":{"code":%[1]s,"message":%[1]s}}`, quoted)
	}},
}

// reply answers requests whose path ends so.
func reply(w http.ResponseWriter, r *http.Request, path, format, quoted string) bool {
	if strings.HasSuffix(r.URL.Path, path) {
		fmt.Fprintf(w, format, quoted)
		return true
	}
	return false
}

// TestHostileTenants runs the program as a process of its own, for its
// environment leads to the tenant, and then judges the snapshot that it saved
// in every form.
func TestHostileTenants(t *testing.T) {
	for i, row := range hostileTenants {
		t.Run(row.name, func(t *testing.T) {
			var said atomic.Value
			call := tenantCall(t, cloud(onStage{t}, func(w http.ResponseWriter, r *http.Request) {
				if quoted, _ := json.Marshal(said.Load()); !row.answer(w, r, string(quoted)) {
					answerTenant(w, r)
				}
			}))
			saved := filepath.Join(t.TempDir(), "saved.json")
			call.args = append(call.args, "--save", saved, "-vv")
			ask := func(text string) (authcert.Result, map[string]string) {
				said.Store(text)
				_ = os.Remove(saved)
				p := launch(t, call)
				code, output := p.code(), p.stdout.String()
				result, written := inEveryForm(t, plugin.Check(t.Context(), source.File{Path: saved}, authcert.DefaultPolicy(), start))
				if arrived := strings.Contains(output, "arrived"); arrived == row.silent {
					t.Errorf("%.40q arrived: %t in\n%s", text, arrived, output)
				}
				if code != result.Status.Code() || p.stderr.Len() > 0 || obeyed(output) != "" || strings.Count(output, "|") != 1 {
					t.Errorf("%.40q: exit code %d, %s in\n%s%s", text, code, obeyed(output), output, p.stderr.String())
				}
				return result, written
			}
			want, wanted := ask("arrived harmless")
			texts := rawTexts(t)
			if i > 0 || testing.Short() {
				texts = texts[len(texts)-1:] // all in one: each takes a process
			}
			for _, text := range texts {
				got, written := ask("arrived " + text)
				compareAnswers(t, fmt.Sprintf("%.40q", text), want, got, wanted, written)
			}
		})
	}
}
