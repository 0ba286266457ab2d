package wsman

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"mime"
	"strconv"
	"strings"
)

// MS-WSMV 2.2.9.1 calls the parts of an encrypted message; the names of the protocols differ by scheme.
const (
	protocolSPNEGO   = "application/HTTP-SPNEGO-session-encrypted"
	protocolKerberos = "application/HTTP-Kerberos-session-encrypted"
	sealedMedia      = "multipart/encrypted"
	soapMedia        = "application/soap+xml"
	soapType         = soapMedia + ";charset=UTF-8"
	boundary         = "Encrypted Boundary"
)

// sealed is one message in its encrypted form.
type sealed struct {
	length    int // of the message in clear, as announced
	signature []byte
	data      []byte
}

func sealedType(protocol string) string {
	return fmt.Sprintf(`%s;protocol="%s";boundary="%s"`, sealedMedia, protocol, boundary)
}

func (s sealed) encode(protocol string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "--%s\r\n\tContent-Type: %s\r\n\tOriginalContent: type=%s;Length=%d\r\n", boundary, protocol, soapType, s.length)
	fmt.Fprintf(&b, "--%s\r\n\tContent-Type: application/octet-stream\r\n", boundary)
	b.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(s.signature))))
	b.Write(s.signature)
	b.Write(s.data)
	fmt.Fprintf(&b, "--%s--\r\n", boundary)
	return b.Bytes()
}

// maxSignature is well above the longest there is: 16 bytes for NTLM, 72 for Kerberos with SHA-384.
const maxSignature = 256

// decodeSealed takes an encrypted answer apart. Exchange writes its delimiters with a blank, "-- Encrypted Boundary",
// which RFC 2046 does not allow; both forms are read.
func decodeSealed(contentType, protocol string, body []byte) (sealed, error) {
	media, params, err := mime.ParseMediaType(contentType)
	if err != nil || media != sealedMedia {
		return sealed{}, errors.New("the content type is not " + sealedMedia)
	}
	if !strings.EqualFold(params["protocol"], protocol) {
		return sealed{}, fmt.Errorf("the encryption protocol is not %s", protocol)
	}
	mark := params["boundary"]
	if mark == "" {
		return sealed{}, errors.New("no boundary is named")
	}
	for _, delimiter := range []string{"--" + mark, "-- " + mark} {
		if rest, ok := bytes.CutPrefix(body, []byte(delimiter+"\r\n")); ok {
			return decodeParts(rest, []byte(delimiter))
		}
	}
	return sealed{}, errors.New("the first boundary is missing")
}

func decodeParts(body, delimiter []byte) (sealed, error) {
	head, rest, ok := bytes.Cut(body, append(bytes.Clone(delimiter), "\r\n"...))
	if !ok {
		return sealed{}, errors.New("the second boundary is missing")
	}
	length, err := originalLength(string(head))
	if err != nil {
		return sealed{}, err
	}
	kind, rest, ok := bytes.Cut(rest, []byte("\r\n"))
	if !ok || !strings.EqualFold(strings.Join(strings.Fields(string(kind)), ""), "Content-Type:application/octet-stream") {
		return sealed{}, errors.New("the second part is not application/octet-stream")
	}
	// The last boundary is looked for from the end, for the data may hold any bytes.
	end := bytes.LastIndex(rest, append(bytes.Clone(delimiter), "--"...))
	if end < 0 {
		return sealed{}, errors.New("the last boundary is missing")
	}
	rest = rest[:end]
	if len(rest) < 4 {
		return sealed{}, errors.New("the signature's length is missing")
	}
	size := binary.LittleEndian.Uint32(rest)
	rest = rest[4:]
	if size == 0 || size > maxSignature || int(size) > len(rest) {
		return sealed{}, fmt.Errorf("a signature of %d bytes in %d", size, len(rest))
	}
	return sealed{length: length, signature: rest[:size], data: rest[size:]}, nil
}

// originalLength is the number in "OriginalContent: type=application/soap+xml;charset=UTF-8;Length=1234".
func originalLength(head string) (int, error) {
	for line := range strings.Lines(head) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		if !strings.EqualFold(name, "OriginalContent") {
			continue
		}
		for field := range strings.SplitSeq(value, ";") {
			key, number, _ := strings.Cut(strings.TrimSpace(field), "=")
			if !strings.EqualFold(key, "Length") {
				continue
			}
			length, err := strconv.ParseUint(number, 10, 31)
			if err != nil || length > maxBody {
				return 0, fmt.Errorf("a length of %q for the message", cut(number, 20))
			}
			return int(length), nil
		}
	}
	return 0, errors.New("the message's length is missing")
}
