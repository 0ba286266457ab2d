package source_test

import (
	"encoding/binary"
	"slices"

	"check_exchange_authcert/plugin/wsman"
)

// kdcContent are the faults of what a KDC answers, which arrives as it was sent.
var kdcContent = []fault{wrongType, wrongEncoding, empty}

// kdcRows are the KDC's answers to whoever asks a host, and all that can happen to them before LDAP.
func kdcRows() (rows []*origin) {
	for _, c := range []conversation{{remoting: true, auth: wsman.AuthKerberos, kdc: true}, {auth: wsman.AuthKerberos, kdc: true}} {
		name := map[bool]string{true: "Exchange remoting", false: "WinRM"}[c.remoting] + " http Kerberos, its KDC's answers"
		rows = append(rows, &origin{name, onlyAuthenticate(kdcContent), c.want, c.start})
	}
	l := ldapWay{"LDAP Kerberos, its KDC", "ldap", wsman.AuthKerberos, true}
	return append(rows, &origin{l.name, onlyAuthenticate(slices.Concat(connectFaults, onWire, []fault{oversized}, kdcContent)), l.want, l.start})
}

func onlyAuthenticate(faults []fault) func(stage) []fault {
	return func(s stage) []fault {
		if s == authenticate {
			return faults
		}
		return nil
	}
}

// kdcReply is the KDC's reply, behind its length, with a fault of content.
func kdcReply(f fault, said []byte) []byte {
	reply := said[4:]
	switch f {
	case wrongType: // for a ticket of another kind: TGS-REP for AS-REP, AS-REP for an error
		const asReply, tgsReply = 0x6b, 0x6d // RFC 4120 5.4.2
		kind := byte(asReply)
		if reply[0] == asReply {
			kind = tgsReply
		}
		reply = append([]byte{kind}, reply[1:]...)
	case wrongEncoding:
		reply = utf16Text(reply)
	case empty:
		reply = nil
	}
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(reply))), reply...)
}
