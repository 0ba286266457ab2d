package wsman

import (
	"errors"
	"io/fs"
	"strings"

	"github.com/jcmturner/gokrb5/v8/iana/nametype"
	"github.com/jcmturner/gokrb5/v8/keytab"
	"github.com/jcmturner/gokrb5/v8/types"
)

// maxFile is the largest keytab, cache, krb5.conf or CA file that is read, in bytes.
const maxFile = 4 << 20

// readSecret reads a file with keys, which not every account may read.
func readSecret(kind, path string) ([]byte, error) {
	data, err := ReadPrivate(path, maxFile)
	return told(kind, path, data, err)
}

func readConfiguration(kind, path string) ([]byte, error) {
	data, err := ReadRegular(path, maxFile)
	return told(kind, path, data, err)
}

// told names the file in what reading it brought.
func told(kind, path string, data []byte, err error) ([]byte, error) {
	var system *fs.PathError
	switch {
	case err == nil:
		return data, nil
	case errors.As(err, &system):
		return nil, fail(StageConfigure, ReasonUnreadable, "See that the path is right and that this account may read it", "reading the %s: %w", kind, err)
	}
	return nil, fail(StageConfigure, ReasonUnreadable, "", "reading the %s %s: %w", kind, path, err)
}

func newTicketSource(t *target) (*ticketSource, error) {
	k := t.Kerberos
	s := &ticketSource{
		realm:    t.Domain,
		client:   types.NewPrincipalName(nametype.KRB_NT_PRINCIPAL, t.Username),
		service:  types.NewPrincipalName(nametype.KRB_NT_SRV_INST, k.SPN),
		password: t.Password,
		kdcs:     kdcs{given: k.KDCs},
	}
	if k.ConfigFile != "" {
		b, err := readConfiguration("Kerberos configuration", k.ConfigFile)
		if err != nil {
			return nil, err
		}
		s.kdcs.file = parseKrb5Conf(string(b))
		if s.realm == "" {
			s.realm = s.kdcs.file.realm
		}
	}
	switch {
	case k.CCache != "":
		return s, s.readCache(t, k.CCache)
	case k.Keytab != "":
		return s, s.readKeytab(t, k.Keytab)
	}
	return s, s.needRealm()
}

func (s *ticketSource) needRealm() error {
	if s.realm == "" {
		return fail(StageConfigure, ReasonUnsupported, "give the user as user@REALM", "no Kerberos realm for the user %s", s.client.PrincipalNameString())
	}
	return nil
}

func (s *ticketSource) readKeytab(t *target, path string) error {
	b, err := readSecret("keytab", path)
	if err != nil {
		return err
	}
	s.keytab = keytab.New()
	if guarded(func() error { return s.keytab.Unmarshal(b) }) != nil || len(s.keytab.Entries) == 0 {
		// The parser's error repeats the file's bytes.
		return fail(StageConfigure, ReasonMalformed, "", "%s is not a keytab, or an empty one", path)
	}
	if t.Username == "" {
		first := s.keytab.Entries[0].Principal
		s.client.NameString, s.realm = first.Components, first.Realm
	}
	for _, entry := range s.keytab.Entries {
		p := types.PrincipalName{NameString: entry.Principal.Components}
		if s.realm == "" && p.Equal(s.client) {
			s.realm = entry.Principal.Realm
		}
		if entry.Principal.Realm == s.realm && p.Equal(s.client) && isAES(entry.Key.KeyType) {
			return nil
		}
	}
	return fail(StageConfigure, ReasonNotFound, "list its entries with klist -ket", "the keytab %s has no AES key of %s", path, s.principal())
}

func (s *ticketSource) readCache(t *target, path string) error {
	if kind, rest, ok := strings.Cut(path, ":"); ok && len(kind) > 1 { // one letter is a drive
		if !strings.EqualFold(kind, "FILE") {
			return fail(StageConfigure, ReasonUnsupported, "make one with kinit -c FILE:/path, or use a keytab", "credential caches of the type %s cannot be read, only files", cut(oneLine(kind), 20))
		}
		path = rest
	}
	b, err := readSecret("credential cache", path)
	if err != nil {
		return err
	}
	if s.cache, err = parseCCache(b); err != nil {
		return fail(StageConfigure, ReasonMalformed, "", "%s is not a credential cache file: %w", path, err)
	}
	s.cache.path = path
	if t.Username == "" {
		s.client, s.realm = s.cache.client.name, s.cache.client.realm
	}
	if s.realm == "" {
		s.realm = s.cache.client.realm
	}
	if !s.client.Equal(s.cache.client.name) || s.realm != s.cache.client.realm {
		return fail(StageConfigure, ReasonNotFound, "name its principal or none", "the credential cache %s belongs to %s@%s, not to %s",
			path, s.cache.client.name.PrincipalNameString(), s.cache.client.realm, s.principal())
	}
	return nil
}

// krb5Conf is what is used of a krb5.conf. gokrb5's reader (v8.4.4) rejects the file that RHEL 9 installs
// (dns_canonicalize_hostname = fallback), and panics on some others. Included files are not read.
type krb5Conf struct {
	realm  string              // default_realm
	kdcs   map[string][]string // by realm
	realms map[string]string   // by host, or by domain with a dot before it
}

func parseKrb5Conf(text string) *krb5Conf {
	c := &krb5Conf{kdcs: map[string][]string{}, realms: map[string]string{}}
	section, realm, depth := "", "", 0
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || line[0] == ';' {
			continue
		}
		if line[0] == '[' {
			section, depth = strings.Trim(line, "[]*"), 0
			continue
		}
		if line[0] == '}' {
			depth--
			continue
		}
		key, value, _ := strings.Cut(line, "=")
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		if strings.HasPrefix(value, "{") {
			depth++
			if depth == 1 {
				realm = key
			}
			continue
		}
		switch {
		case section == "libdefaults" && key == "default_realm":
			c.realm = value
		case section == "realms" && depth == 1 && key == "kdc":
			c.kdcs[realm] = append(c.kdcs[realm], value)
		case section == "domain_realm" && depth == 0:
			c.realms[strings.ToLower(key)] = value
		}
	}
	return c
}

// realmOf is the realm of a host by its name, else by the longest of its domains; empty if none is named.
func (c *krb5Conf) realmOf(host string) string {
	host = strings.ToLower(host)
	if realm, ok := c.realms[host]; ok {
		return realm
	}
	for {
		_, domain, ok := strings.Cut(host, ".")
		if !ok {
			return ""
		}
		if realm, ok := c.realms["."+domain]; ok {
			return realm
		}
		host = domain
	}
}
