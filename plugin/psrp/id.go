package psrp

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strings"
)

// ID names a runspace pool or a pipeline: a GUID in the order in which it is written.
type ID [16]byte

// NewID makes a random ID (RFC 9562, version 4).
func NewID() ID {
	var id ID
	_, _ = rand.Read(id[:]) // never fails
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80
	return id
}

// ParseID reads a GUID with its hyphens, in upper or lower case, within braces or without.
func ParseID(text string) (ID, error) {
	var id ID
	trimmed := strings.TrimSuffix(strings.TrimPrefix(text, "{"), "}")
	if len(trimmed) == 36 && trimmed[8] == '-' && trimmed[13] == '-' && trimmed[18] == '-' && trimmed[23] == '-' {
		if n, err := hex.Decode(id[:], []byte(strings.ReplaceAll(trimmed, "-", ""))); err == nil && n == len(id) {
			return id, nil
		}
	}
	return ID{}, fmt.Errorf("%.40q is no GUID", text)
}

// String is the GUID in upper case, as Windows writes it.
func (id ID) String() string {
	return strings.ToUpper(fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:]))
}

// swapped turns the first three fields around: they travel as little-endian numbers.
func (id ID) swapped() ID {
	id[0], id[1], id[2], id[3] = id[3], id[2], id[1], id[0]
	id[4], id[5], id[6], id[7] = id[5], id[4], id[7], id[6]
	return id
}
