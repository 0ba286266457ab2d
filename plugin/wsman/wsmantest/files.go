package wsmantest

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/jcmturner/gokrb5/v8/types"
)

// Keytab writes a keytab (format 0502) with the account's key, and returns its path.
func (r *Realm) Keytab(t testing.TB, name string) string {
	t.Helper()
	key, ok := r.key(name)
	if !ok {
		t.Fatalf("no account %s", name)
	}
	var e bytes.Buffer
	parts := parseName(name).NameString
	binary.Write(&e, binary.BigEndian, uint16(len(parts)))
	for _, part := range append([]string{r.Name}, parts...) {
		binary.Write(&e, binary.BigEndian, uint16(len(part)))
		e.WriteString(part)
	}
	binary.Write(&e, binary.BigEndian, uint32(1))
	binary.Write(&e, binary.BigEndian, uint32(time.Now().Unix()))
	e.WriteByte(1)
	binary.Write(&e, binary.BigEndian, []uint16{uint16(key.KeyType), uint16(len(key.KeyValue))})
	e.Write(key.KeyValue)
	b := []byte{5, 2}
	b = binary.BigEndian.AppendUint32(b, uint32(e.Len()))
	return writeFile(t, "keytab", append(b, e.Bytes()...))
}

// CCache writes a credential cache (format 0504) with a ticket for service ("krbtgt/REALM" or another) that ends after
// life, which may be negative, and returns its path.
func (r *Realm) CCache(t testing.TB, user, service string, life time.Duration) string {
	t.Helper()
	client, server := parseName(user), parseName(service)
	ticket, part := r.mint(client, server, life)
	der, err := ticket.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	write := func(values ...any) {
		for _, v := range values {
			binary.Write(&b, binary.BigEndian, v)
		}
	}
	data := func(d []byte) {
		write(uint32(len(d)))
		b.Write(d)
	}
	principal := func(p types.PrincipalName) {
		write(uint32(p.NameType), uint32(len(p.NameString)))
		data([]byte(r.Name))
		for _, s := range p.NameString {
			data([]byte(s))
		}
	}
	write(uint16(0x0504), uint16(12), uint16(1), uint16(8), uint64(0)) // the header: no difference of clocks
	principal(client)
	principal(client)
	principal(server)
	write(uint16(part.Key.KeyType))
	data(part.Key.KeyValue)
	write(uint32(part.AuthTime.Unix()), uint32(part.StartTime.Unix()), uint32(part.EndTime.Unix()), uint32(0))
	write(uint8(0), uint32(0), uint32(0), uint32(0)) // no user-to-user key, no flags, no addresses, no authorization data
	data(der)
	data(nil)
	return writeFile(t, "ccache", b.Bytes())
}

func writeFile(t testing.TB, name string, b []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
