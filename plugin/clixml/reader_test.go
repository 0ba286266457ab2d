package clixml

import (
	"strings"
	"testing"
)

// TestReader counts what was read over several documents, and nothing of one that was refused.
func TestReader(t *testing.T) {
	var r Reader
	half := []byte(objs(strings.Repeat("<S/>", MaxObjects/2)))
	for _, row := range []struct {
		document []byte
		fits     bool
	}{{half, true}, {[]byte("<Foo/>"), false}, {half, true}, {[]byte("<S/>"), false}} {
		if objects, err := r.Parse(row.document); (err == nil) != row.fits {
			t.Errorf("%.20s: got %d objects and %v", row.document, len(objects), err)
		}
	}
}
