package main

import (
	"crypto/tls"
	"net"
	"testing"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
)

// entry is an object of a directory.
type entry struct {
	dn         string
	attributes map[string]string
}

// refusal is what a directory answers instead.
type refusal struct {
	code uint16
	text string
}

// directoryOf is a domain controller that lets everybody in and has one object
// of each class, or of none; "*" is its root. It refuses what answer names:
// "bind", or a search for a class.
func directoryOf(t *testing.T, answer func(request string) (entry, *refusal)) invocation {
	t.Helper()
	stage := onStage{t}
	certificate := peer(stage, time.Hour, "localhost")
	listener := tls.NewListener(loopback(t, "127.0.0.1:0"), &tls.Config{Certificates: []tls.Certificate{certificate}})
	talk := func(conn net.Conn) {
		defer conn.Close()
		for {
			request, err := ber.ReadPacket(conn)
			if err != nil || len(request.Children) < 2 || !answerLDAP(conn, request.Children[0].Value.(int64), request.Children[1], answer) {
				return
			}
		}
	}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go talk(conn)
		}
	}()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	return invocation{
		args: []string{"--ldap", "ldaps://localhost:" + port, "--auth", "basic", "--username", "monitor", "--ca-file", caFile(stage, "ca.pem", certificate)},
		env:  map[string]string{passwordVariable: stallPassword},
	}
}

// answerLDAP answers one request; false ends the connection.
func answerLDAP(conn net.Conn, id int64, operation *ber.Packet, answer func(string) (entry, *refusal)) bool {
	request, done := "bind", ber.Tag(ldap.ApplicationBindResponse)
	switch operation.Tag {
	case ldap.ApplicationBindRequest:
	case ldap.ApplicationSearchRequest:
		request, done = "*", ldap.ApplicationSearchResultDone
		if filter := operation.Children[6]; filter.Tag == ldap.FilterEqualityMatch {
			request = filter.Children[1].Value.(string)
		}
	default:
		return false
	}
	found, refused := answer(request)
	if refused == nil {
		refused = &refusal{}
		if found.dn != "" || request == "*" {
			sendLDAP(conn, id, entryPacket(found))
		}
	}
	return sendLDAP(conn, id, packet(done, octets(ber.TagEnumerated, string(rune(refused.code))), octets(ber.TagOctetString, ""), octets(ber.TagOctetString, refused.text)))
}

func entryPacket(e entry) *ber.Packet {
	attributes := ber.NewSequence("")
	for name, value := range e.attributes {
		values := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSet, nil, "")
		values.AppendChild(octets(ber.TagOctetString, value))
		attribute := ber.NewSequence("")
		attribute.AppendChild(octets(ber.TagOctetString, name))
		attribute.AppendChild(values)
		attributes.AppendChild(attribute)
	}
	return packet(ldap.ApplicationSearchResultEntry, octets(ber.TagOctetString, e.dn), attributes)
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

func sendLDAP(conn net.Conn, id int64, operation *ber.Packet) bool {
	message := ber.NewSequence("")
	message.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, id, ""))
	message.AppendChild(operation)
	_, err := conn.Write(message.Bytes())
	return err == nil
}
