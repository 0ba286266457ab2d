package source_test

import (
	"cmp"
	"os"
	"path/filepath"
	"testing"
)

// shared returns a folder of recorded data beside the project, or skips the
// test where it is not there.
func shared(t testing.TB, path string) string {
	t.Helper()
	folder := filepath.Join(cmp.Or(os.Getenv("CHECK_EXCHANGE_AUTHCERT_SHARED"), "../../../shared"), path)
	if _, err := os.Stat(folder); err != nil {
		t.Skipf("recorded data is not here: %v", err)
	}
	return folder
}
