package main

import (
	"net"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
)

// entry is an object of a directory.
type entry struct {
	dn         string
	attributes map[string][]string
}

// refusal is what a directory answers instead.
type refusal struct {
	code uint16
	text string
}

// controller tells what a domain controller answers to a request: "bind" with
// its password, or a search for a class, "*" for the root entry.
type controller func(request, password string) ([]entry, *refusal)

// serve answers on a connection until it ends.
func (c controller) serve(connection net.Conn) {
	for {
		request, err := ber.ReadPacket(connection)
		if err != nil || len(request.Children) < 2 || !c.answer(connection, request.Children[0].Value.(int64), request.Children[1]) {
			return
		}
	}
}

// answer answers one request; false ends the connection.
func (c controller) answer(connection net.Conn, id int64, operation *ber.Packet) bool {
	request, password, done := "bind", "", ber.Tag(ldap.ApplicationBindResponse)
	switch operation.Tag {
	case ldap.ApplicationBindRequest:
		password = operation.Children[2].Data.String()
	case ldap.ApplicationSearchRequest:
		request, done = "*", ldap.ApplicationSearchResultDone
		if filter := operation.Children[6]; filter.Tag == ldap.FilterEqualityMatch {
			request = filter.Children[1].Value.(string)
		}
	default:
		return false
	}
	found, refused := c(request, password)
	if refused == nil {
		refused = &refusal{}
		for _, e := range found {
			sendLDAP(connection, id, entryPacket(e))
		}
	}
	return sendLDAP(connection, id, resultPacket(done, *refused))
}

func entryPacket(e entry) *ber.Packet {
	attributes := ber.NewSequence("")
	for name, values := range e.attributes {
		set := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSet, nil, "")
		for _, value := range values {
			set.AppendChild(octets(ber.TagOctetString, value))
		}
		attribute := ber.NewSequence("")
		attribute.AppendChild(octets(ber.TagOctetString, name))
		attribute.AppendChild(set)
		attributes.AppendChild(attribute)
	}
	return packet(ldap.ApplicationSearchResultEntry, octets(ber.TagOctetString, e.dn), attributes)
}

func resultPacket(tag ber.Tag, r refusal) *ber.Packet {
	return packet(tag, octets(ber.TagEnumerated, string(rune(r.code))), octets(ber.TagOctetString, ""), octets(ber.TagOctetString, r.text))
}

func octets(tag ber.Tag, value string) *ber.Packet {
	return ber.NewString(ber.ClassUniversal, ber.TypePrimitive, tag, value, "")
}

func packet(tag ber.Tag, parts ...*ber.Packet) *ber.Packet {
	p := ber.Encode(ber.ClassApplication, ber.TypeConstructed, tag, nil, "")
	for _, part := range parts {
		p.AppendChild(part)
	}
	return p
}

func sendLDAP(connection net.Conn, id int64, operation *ber.Packet) bool {
	message := ber.NewSequence("")
	message.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, id, ""))
	message.AppendChild(operation)
	_, err := connection.Write(message.Bytes())
	return err == nil
}
