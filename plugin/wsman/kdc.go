package wsman

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/jcmturner/gokrb5/v8/messages"
)

// kdcs finds and asks Kerberos servers, over TCP.
type kdcs struct {
	given []string  // from the configuration, for every realm
	file  *krb5Conf // nil: none named
}

func (k kdcs) realmOf(host string) string {
	if k.file == nil {
		return ""
	}
	return k.file.realmOf(host)
}

// find lists the addresses of a realm's KDCs: those given, those of the file, those that DNS names.
func (k kdcs) find(ctx context.Context, realm string) ([]string, error) {
	addrs := k.given
	if len(addrs) == 0 && k.file != nil {
		addrs = k.file.kdcs[realm]
	}
	if len(addrs) > 0 {
		var full []string
		for _, addr := range addrs {
			full = append(full, withPort(addr, "88"))
		}
		return full, nil
	}
	_, records, err := net.DefaultResolver.LookupSRV(ctx, "kerberos", "tcp", realm)
	if err != nil {
		return nil, hinted(interrupted(ctx, StageKDC, "looking up the KDCs of "+realm+" in DNS", err), "check the realm and this machine's DNS, or name the KDCs")
	}
	for _, record := range records {
		addrs = append(addrs, net.JoinHostPort(strings.TrimSuffix(record.Target, "."), strconv.Itoa(int(record.Port))))
	}
	if len(addrs) == 0 {
		return nil, fail(StageKDC, ReasonNotFound, "check the realm and this machine's DNS, or name the KDCs", "DNS names no KDC of %s", realm)
	}
	return addrs, nil
}

func withPort(addr, port string) string {
	if _, _, err := net.SplitHostPort(addr); err == nil {
		return addr
	}
	return net.JoinHostPort(strings.Trim(addr, "[]"), port)
}

// ask sends a request to the realm's KDCs, one after the other, until one answers. Each but the last gets an equal
// share of the time that is left, so that one that hangs does not use up all of it.
func (k kdcs) ask(ctx context.Context, realm string, request []byte) (reply []byte, kdc string, err error) {
	addrs, err := k.find(ctx, realm)
	if err != nil {
		return nil, "", err
	}
	for i, addr := range addrs {
		share, cancel := ctx, context.CancelFunc(func() {})
		if deadline, ok := ctx.Deadline(); ok {
			share, cancel = context.WithTimeout(ctx, time.Until(deadline)/time.Duration(len(addrs)-i))
		}
		reply, err = exchangeKDC(share, addr, request)
		cancel()
		if err == nil || ctx.Err() != nil {
			return reply, addr, err
		}
	}
	return nil, "", err
}

// maxKDCReply is the largest answer of a KDC that is read, in bytes; tickets with large authorization data have some 64 KiB.
const maxKDCReply = 1 << 20

// exchangeKDC sends one request and reads the answer, each behind its length (RFC 4120 7.2.2).
func exchangeKDC(ctx context.Context, addr string, request []byte) ([]byte, error) {
	const hint = "check that the KDC is reachable from here over TCP, port 88"
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, hinted(interrupted(ctx, StageKDC, "connecting to the KDC "+addr, err), hint)
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	message := binary.BigEndian.AppendUint32(nil, uint32(len(request)))
	if _, err := conn.Write(append(message, request...)); err != nil {
		return nil, hinted(interrupted(ctx, StageKDC, "asking the KDC "+addr, err), hint)
	}
	head := make([]byte, 4)
	if _, err := io.ReadFull(conn, head); err != nil {
		return nil, hinted(interrupted(ctx, StageKDC, "waiting for the KDC "+addr, err), hint)
	}
	size := binary.BigEndian.Uint32(head)
	if size == 0 || size > maxKDCReply {
		return nil, fail(StageKDC, ReasonMalformed, hint, "the KDC %s announces an answer of %d bytes", addr, size)
	}
	reply := make([]byte, size)
	if _, err := io.ReadFull(conn, reply); err != nil {
		return nil, hinted(interrupted(ctx, StageKDC, "waiting for the KDC "+addr, err), hint)
	}
	return reply, nil
}

func malformedKDC(kdc string) error {
	return fail(StageKDC, ReasonMalformed, "check that it is a KDC of that realm", "the answer of the KDC %s cannot be read", kdc)
}

// parseKRBError is the error in a KDC's answer, nil if it is none.
func parseKRBError(reply []byte) *messages.KRBError {
	var e messages.KRBError
	if guarded(func() error { return e.Unmarshal(reply) }) != nil {
		return nil
	}
	return &e
}

// krbMeaning is a Kerberos error in words.
type krbMeaning struct {
	reason Reason
	text   string
	hint   string
}

// krbMeanings are the errors of RFC 4120 7.5.9 that people meet.
var krbMeanings = map[int32]krbMeaning{
	1:  {ReasonAccessDenied, "the account has expired", "extend the account"},
	3:  {ReasonUnsupported, "it does not speak this version of Kerberos", ""},
	6:  {ReasonAccessDenied, "it does not know the account", "check user and realm"},
	7:  {ReasonNotFound, "it does not know the service", ""},
	9:  {ReasonAccessDenied, "the account has no key", "set its password anew"},
	12: {ReasonAccessDenied, "its policy does not allow this logon", "check logon hours, workstations and authentication policies of the account"},
	14: {ReasonUnsupported, "it has no AES key for that", "enable AES for the account, and set its password anew if that is older than AES in the domain"},
	18: {ReasonAccessDenied, "the account is locked, disabled or outside its logon hours", "look at the account before trying again"},
	23: {ReasonAccessDenied, "the password has expired", "set a new password"},
	24: {ReasonAccessDenied, "wrong password or key", "check it; it is not tried again, so that the account is not locked"},
	31: {ReasonAccessDenied, "a checksum is wrong", "the service's key may have changed; get a new ticket"},
	32: {ReasonAccessDenied, "the ticket has expired", "get a new ticket"},
	33: {ReasonAccessDenied, "the ticket is not valid yet", "check the clocks"},
	35: {ReasonNotFound, "the ticket is not for this service", "check the service principal name"},
	37: {ReasonAccessDenied, "the clocks differ too much", "set this machine's clock; Kerberos allows 5 minutes"},
	41: {ReasonAccessDenied, "the ticket was made for another key of the service", "the service principal name may belong to another account, or the key has changed"},
	44: {ReasonAccessDenied, "the service's key version is not available", "get a new ticket"},
	60: {ReasonUnreadable, "a generic error", ""},
	68: {ReasonNotFound, "the account belongs to another realm", "give the account's own realm"},
}

// krbError is an error message of a KDC, or of a host, in words and with its number.
func krbError(stage Stage, from string, e *messages.KRBError) error {
	m, ok := krbMeanings[e.ErrorCode]
	if !ok {
		m = krbMeaning{ReasonUnreadable, "an error without further meaning here", ""}
	}
	text := m.text
	if e.ErrorCode == 37 && !e.STime.IsZero() {
		text += fmt.Sprintf(" (by %s)", time.Since(e.STime).Round(time.Second).Abs())
	}
	who := "the KDC " + from
	if stage != StageKDC {
		who = from
	}
	return fail(stage, m.reason, m.hint, "Kerberos error %d from %s: %s", e.ErrorCode, who, text)
}

// hintSPN names the service where that is what the KDC does not know.
func hintSPN(err error, e *messages.KRBError, spn string) error {
	var own *Error
	if errors.As(err, &own) && e.ErrorCode == 7 {
		own.Err = fmt.Errorf("%w %s", own.Err, spn)
		own.Hint = "use the host's full DNS name, and check with setspn -Q " + spn
	}
	return err
}
