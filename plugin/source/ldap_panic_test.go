package source

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"
)

// brokenWire panics when it is read.
type brokenWire struct{ net.Conn }

func (brokenWire) Read([]byte) (int, error)    { panic(ldapPassword) }
func (brokenWire) Write(p []byte) (int, error) { return len(p), nil }
func (brokenWire) Close() error                { return nil }

// TestLDAPPanics has something panic in the goroutine in which go-ldap reads, and decrypts, what comes in: it catches it.
func TestLDAPPanics(t *testing.T) {
	d := &directory{ctx: t.Context(), name: "dc01.contoso.com:389", wire: &ldapWire{Conn: brokenWire{}, left: maxLDAP}}
	d.conn = ldap.NewConn(d.wire, false)
	d.conn.Start()
	begin := time.Now()
	_, err := d.search("", ldap.ScopeBaseObject, "(objectClass=*)", nil)
	if err == nil || time.Since(begin) > 10*time.Second {
		t.Fatalf("error %v after %s, want one at once", err, time.Since(begin))
	}
	if problem := d.problem("reading", err); strings.Contains(problem.Error(), ldapPassword) {
		t.Errorf("%s: what panicked is told", problem)
	}
}
