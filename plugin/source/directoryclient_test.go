package source

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"

	"check_exchange_authcert/plugin/wsman/wsmantest"
)

func (c *directoryClient) answer(id int64, operation, request *ber.Packet) bool {
	switch operation.Tag {
	case ldap.ApplicationExtendedRequest:
		if !c.fault("starttls", id) {
			return false
		}
		c.send(id, ldapResultOf(ldap.ApplicationExtendedResponse, 0, ""))
		c.Conn = tls.Server(c.Conn, c.tls)
		return true
	case ldap.ApplicationBindRequest:
		return c.fault("bind", id) && c.bind(id, operation)
	case ldap.ApplicationSearchRequest:
		return c.fault("search", id) && c.search(id, operation, request)
	}
	return false
}

func (c *directoryClient) bind(id int64, operation *ber.Packet) bool {
	name, authentication := operation.Children[1].Value.(string), operation.Children[2]
	if authentication.Tag == 0 { // simple
		_, protected := c.Conn.(*tls.Conn)
		c.bound = protected && name == "monitor@EXAMPLE.TEST" && authentication.Data.String() == ldapPassword
		code, text := uint16(0), ""
		if !c.bound {
			code, text = 49, "80090308: LdapErr: DSID-0C090569, comment: AcceptSecurityContext error, data 52e, v4f7c\x00"
		}
		c.send(id, ldapResultOf(ldap.ApplicationBindResponse, code, text))
		return true
	}
	if c.logon == nil {
		c.logon = wsmantest.Service{Realm: c.realm, SPN: ldapSPN, Domain: "EXAMPLE", User: "monitor", Password: ldapPassword}.Logon(c.certificate())
	}
	reply, done, err := c.logon.Step(authentication.Children[1].ByteValue)
	switch {
	case errors.Is(err, wsmantest.ErrBinding):
		c.send(id, ldapResultOf(ldap.ApplicationBindResponse, ldap.LDAPResultInvalidCredentials, "80090346: LdapErr: DSID-0C0906B0, comment: AcceptSecurityContext error, data 80090346, v4f7c\x00"))
		return true
	case err != nil:
		c.send(id, ldapResultOf(ldap.ApplicationBindResponse, ldap.LDAPResultInvalidCredentials, ""))
		return true
	}
	code := uint16(ldap.LDAPResultSaslBindInProgress)
	if done {
		code = ldap.LDAPResultSuccess
	}
	result := ldapResultOf(ldap.ApplicationBindResponse, code, "")
	result.AppendChild(ber.NewString(ber.ClassContext, ber.TypePrimitive, 7, string(reply), ""))
	c.send(id, result)
	if done {
		c.session, c.bound = c.logon.Session(), true
	}
	return true
}

// certificate is what the client saw of this server; nil without TLS.
func (c *directoryClient) certificate() *x509.Certificate {
	if _, protected := c.Conn.(*tls.Conn); !protected {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	certificate, err := x509.ParseCertificate(c.tls.Certificates[0].Certificate[0])
	if err != nil {
		panic(err) // the client has read it
	}
	return certificate
}

// maxPageSize is how many entries are sent at most in one answer: MaxPageSize
// of the LDAP policies, which is 1000 in Active Directory.
const maxPageSize = 100

func (c *directoryClient) search(id int64, operation, request *ber.Packet) bool {
	if !c.bound {
		c.send(id, ldapResultOf(ldap.ApplicationSearchResultDone, 1, "000004DC: LdapErr: DSID-0C090A5C, a successful bind must be completed"))
		return true
	}
	var attributes []string
	for _, attribute := range operation.Children[7].Children {
		attributes = append(attributes, attribute.Value.(string))
		c.mu.Lock()
		c.asked[attribute.Value.(string)] = true
		c.mu.Unlock()
	}
	found := c.find(operation)
	if len(request.Children) < 3 { // no paging
		code := uint16(ldap.LDAPResultSuccess)
		if len(found) > maxPageSize {
			found, code = found[:maxPageSize], ldap.LDAPResultSizeLimitExceeded
		}
		c.entriesTo(id, found, attributes)
		c.send(id, ldapResultOf(ldap.ApplicationSearchResultDone, code, ""))
		return true
	}
	control, err := ldap.DecodeControl(request.Children[2].Children[0])
	paging, ok := control.(*ldap.ControlPaging)
	if err != nil || !ok {
		return false
	}
	from, _ := strconv.Atoi(string(paging.Cookie))
	to := min(len(found), from+min(int(paging.PagingSize), maxPageSize))
	c.entriesTo(id, found[from:to], attributes)
	next := &ldap.ControlPaging{PagingSize: uint32(len(found))}
	if to < len(found) {
		next.SetCookie([]byte(strconv.Itoa(to)))
	}
	controls := ber.Encode(ber.ClassContext, ber.TypeConstructed, 0, nil, "")
	controls.AppendChild(next.Encode())
	c.send(id, ldapResultOf(ldap.ApplicationSearchResultDone, ldap.LDAPResultSuccess, ""), controls)
	return true
}

// find looks entries up by base, scope and a filter for a class.
func (c *directoryClient) find(operation *ber.Packet) []directoryEntry {
	base, scope, filter := operation.Children[0].Value.(string), operation.Children[1].Value.(int64), operation.Children[6]
	var found []directoryEntry
	for _, entry := range c.entries {
		inside := entry.dn == base || (scope == ldap.ScopeWholeSubtree && strings.HasSuffix(entry.dn, ","+base))
		if scope == ldap.ScopeSingleLevel {
			_, parent, _ := strings.Cut(entry.dn, ",")
			inside = parent == base
		}
		isClass := filter.Tag == ldap.FilterPresent || slices.Contains(entry.attributes["objectClass"], filter.Children[1].Value.(string))
		if inside && isClass {
			found = append(found, entry)
		}
	}
	return found
}

func (c *directoryClient) entriesTo(id int64, found []directoryEntry, attributes []string) {
	for _, entry := range found {
		list := ber.NewSequence("")
		for _, name := range attributes {
			if len(entry.attributes[name]) == 0 {
				continue
			}
			values := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSet, nil, "")
			for _, value := range entry.attributes[name] {
				values.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, value, ""))
			}
			attribute := ber.NewSequence("")
			attribute.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, name, ""))
			attribute.AppendChild(values)
			list.AppendChild(attribute)
		}
		result := ber.Encode(ber.ClassApplication, ber.TypeConstructed, ldap.ApplicationSearchResultEntry, nil, "")
		result.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, entry.dn, ""))
		result.AppendChild(list)
		c.send(id, result)
	}
}

func ldapResultOf(tag ber.Tag, code uint16, text string) *ber.Packet {
	result := ber.Encode(ber.ClassApplication, ber.TypeConstructed, tag, nil, "")
	result.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagEnumerated, uint64(code), ""))
	result.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, "", ""))
	result.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, text, ""))
	return result
}

func (c *directoryClient) send(id int64, parts ...*ber.Packet) {
	envelope := ber.NewSequence("")
	envelope.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, id, ""))
	for _, part := range parts {
		envelope.AppendChild(part)
	}
	c.Write(envelope.Bytes())
}

// Write and Read are those of the connection, sealed after such a logon.
func (c *directoryClient) Write(b []byte) (int, error) {
	if c.session != nil {
		token := c.session.Seal(b)
		b = append(binary.BigEndian.AppendUint32(nil, uint32(len(token))), token...)
	}
	return c.Conn.Write(b)
}

func (c *directoryClient) Read(b []byte) (int, error) {
	if c.session == nil {
		return c.Conn.Read(b)
	}
	if len(c.opened) == 0 {
		var size uint32
		if err := binary.Read(c.Conn, binary.BigEndian, &size); err != nil {
			return 0, err
		}
		token := make([]byte, min(size, 1<<20))
		if _, err := io.ReadFull(c.Conn, token); err != nil {
			return 0, err
		}
		var err error
		if c.opened, err = c.session.Unseal(token); err != nil {
			return 0, err
		}
	}
	n := copy(b, c.opened)
	c.opened = c.opened[n:]
	return n, nil
}
