package psrp

import (
	"cmp"
	"os"
	"path/filepath"
	"testing"
)

// shared returns a folder or file of recorded data beside the project, or skips the test where it is not there.
func shared(t testing.TB, path ...string) string {
	t.Helper()
	root := cmp.Or(os.Getenv("CHECK_EXCHANGE_AUTHCERT_SHARED"), filepath.Join("..", "..", "..", "shared"))
	found := filepath.Join(append([]string{root}, path...)...)
	if _, err := os.Stat(found); err != nil {
		t.Skipf("recorded data is not here: %v", err)
	}
	return found
}
