//go:build integration

package prtg_test

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"

	"check_exchange_authcert/prtg"
)

// TestXMLLint has another parser than Go's read every document and the lookup.
func TestXMLLint(t *testing.T) {
	if _, err := exec.LookPath("xmllint"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skipf("install libxml2-utils: %v", err)
	}
	documents := map[string]string{"lookup": prtg.Lookup}
	for name, result := range results(t) {
		var out bytes.Buffer
		if err := prtg.XML(&out, result); err != nil {
			t.Fatal(err)
		}
		documents[name] = out.String()
	}
	for name, document := range documents {
		cmd := exec.CommandContext(t.Context(), "xmllint", "--noout", "--nonet", "-")
		cmd.Stdin = strings.NewReader(document)
		if output, err := cmd.CombinedOutput(); err != nil || len(output) > 0 {
			t.Errorf("%s: %v\n%s\n%s", name, err, output, document)
		}
	}
}
