package wsman

import (
	"errors"
	"fmt"
	"time"

	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/types"
	"golang.org/x/crypto/cryptobyte"
)

// ccache is a credential cache file, versions 3 and 4 of its format. gokrb5's reader (v8.4.4) trusts every length in it.
type ccache struct {
	path    string
	client  principal
	entries []cacheEntry
}

type principal struct {
	name  types.PrincipalName
	realm string
}

type cacheEntry struct {
	server principal
	key    types.EncryptionKey
	ends   time.Time
	ticket []byte
}

// find is a ticket for the service that still holds.
func (c *ccache) find(service []string, now time.Time) (credential, bool) {
	for _, e := range c.entries {
		var t messages.Ticket
		if e.server.name.Equal(types.PrincipalName{NameString: service}) && e.ends.After(now) &&
			guarded(func() error { return t.Unmarshal(e.ticket) }) == nil {
			return credential{ticket: t, key: e.key, ends: e.ends}, true
		}
	}
	return credential{}, false
}

// granting is the ticket-granting ticket of the client's realm.
func (c *ccache) granting(realm string, now time.Time) (credential, error) {
	var ended time.Time
	for _, e := range c.entries {
		if e.server.realm != realm || !e.server.name.Equal(types.PrincipalName{NameString: []string{"krbtgt", realm}}) {
			continue
		}
		if !e.ends.After(now) {
			ended = e.ends
			continue
		}
		var t messages.Ticket
		if guarded(func() error { return t.Unmarshal(e.ticket) }) != nil {
			return credential{}, fail(StageKDC, ReasonMalformed, "get a new one with kinit", "the ticket in the credential cache %s cannot be read", c.path)
		}
		if !isAES(e.key.KeyType) {
			return credential{}, fail(StageKDC, ReasonUnsupported, "enable AES for the account", "the ticket in the credential cache %s has a key of the type %d, not AES", c.path, e.key.KeyType)
		}
		return credential{ticket: t, key: e.key, ends: e.ends}, nil
	}
	if !ended.IsZero() {
		return credential{}, fail(StageKDC, ReasonAccessDenied, "get a new one with kinit, or use a keytab",
			"the ticket in the credential cache %s expired at %s, %s ago", c.path, ended.UTC().Format(time.RFC3339), now.Sub(ended).Round(time.Second))
	}
	return credential{}, fail(StageKDC, ReasonNotFound, "get one with kinit", "the credential cache %s holds no ticket-granting ticket of %s", c.path, realm)
}

func parseCCache(b []byte) (*ccache, error) {
	s := cryptobyte.String(b)
	var version uint16
	if !s.ReadUint16(&version) || (version != 0x0503 && version != 0x0504) {
		return nil, errors.New("it does not begin with 0503 or 0504")
	}
	var header cryptobyte.String
	if version == 0x0504 && !s.ReadUint16LengthPrefixed(&header) {
		return nil, errors.New("its header is cut off")
	}
	c := &ccache{}
	if !readPrincipal(&s, &c.client) {
		return nil, errors.New("its principal is cut off")
	}
	for !s.Empty() {
		var e cacheEntry
		if !e.read(&s, version) {
			return nil, fmt.Errorf("its entry %d is cut off", len(c.entries)+1)
		}
		c.entries = append(c.entries, e)
	}
	return c, nil
}

func readPrincipal(s *cryptobyte.String, p *principal) bool {
	var kind, count uint32
	var realm []byte
	if !s.ReadUint32(&kind) || !s.ReadUint32(&count) || !readData(s, &realm) {
		return false
	}
	p.name.NameType, p.realm = int32(kind), string(realm)
	for range count {
		var part []byte
		if !readData(s, &part) {
			return false
		}
		p.name.NameString = append(p.name.NameString, string(part))
	}
	return true
}

// readData reads a counted string; the count is checked against what is left.
func readData(s *cryptobyte.String, data *[]byte) bool {
	var size uint32
	return s.ReadUint32(&size) && uint64(size) <= uint64(len(*s)) && s.ReadBytes(data, int(size))
}

func (e *cacheEntry) read(s *cryptobyte.String, version uint16) bool {
	var client principal
	var kind uint16
	var times [4]uint32 // authentication, start, end, renewal
	var ignored []byte
	if !readPrincipal(s, &client) || !readPrincipal(s, &e.server) || !s.ReadUint16(&kind) {
		return false
	}
	if version == 0x0503 && !s.ReadUint16(&kind) { // version 3 repeats it
		return false
	}
	if !readData(s, &e.key.KeyValue) {
		return false
	}
	for i := range times {
		if !s.ReadUint32(&times[i]) {
			return false
		}
	}
	if !s.Skip(1+4) || !readTyped(s) || !readTyped(s) || !readData(s, &e.ticket) || !readData(s, &ignored) {
		return false
	}
	e.key.KeyType, e.ends = int32(kind), time.Unix(int64(times[2]), 0)
	return true
}

// readTyped skips a counted list of typed data: addresses, authorization data.
func readTyped(s *cryptobyte.String) bool {
	var count uint32
	if !s.ReadUint32(&count) {
		return false
	}
	for range count {
		var kind uint16
		var data []byte
		if !s.ReadUint16(&kind) || !readData(s, &data) {
			return false
		}
	}
	return true
}
