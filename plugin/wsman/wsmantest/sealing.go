package wsmantest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"regexp"
	"strconv"
)

var (
	lengthPattern   = regexp.MustCompile(`Length=(\d+)\r\n`)
	protocolPattern = regexp.MustCompile(`protocol="([^"]+)"`)
)

// unsealBody reads a sealed request as MS-WSMV describes it, and nothing that deviates.
func unsealBody(s sealer, contentType string, body []byte) ([]byte, error) {
	protocol := protocolPattern.FindStringSubmatch(contentType)
	parts := bytes.SplitN(body, []byte("--Encrypted Boundary\r\n"), 3)
	if s == nil || protocol == nil || len(parts) != 3 || len(parts[0]) != 0 {
		return nil, errRefused
	}
	length := lengthPattern.FindSubmatch(parts[1])
	data, ok := bytes.CutPrefix(parts[2], []byte("\tContent-Type: application/octet-stream\r\n"))
	data, closed := bytes.CutSuffix(data, []byte("--Encrypted Boundary--\r\n"))
	if length == nil || !ok || !closed || !bytes.Contains(parts[1], []byte("\tContent-Type: "+protocol[1]+"\r\n")) {
		return nil, errRefused
	}
	size := binary.LittleEndian.Uint32(data)
	message, err := s.unseal(data[4:4+size], data[4+size:])
	if err == nil && strconv.Itoa(len(message)) != string(length[1]) {
		err = errRefused
	}
	return message, err
}

func sealBody(s sealer, message []byte, blank bool) (contentType string, body []byte) {
	protocol, mark := "application/HTTP-SPNEGO-session-encrypted", "--Encrypted Boundary"
	if blank {
		mark = "-- Encrypted Boundary"
	}
	if k, ok := s.(*kerberosSealer); ok && k.bare {
		protocol = "application/HTTP-Kerberos-session-encrypted"
	}
	signature, data := s.seal(message)
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\r\n\tContent-Type: %s\r\n\tOriginalContent: type=application/soap+xml;charset=UTF-8;Length=%d\r\n%s\r\n\tContent-Type: application/octet-stream\r\n", mark, protocol, len(message), mark)
	b.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(signature))))
	b.Write(signature)
	b.Write(data)
	b.WriteString(mark + "--\r\n")
	return fmt.Sprintf(`multipart/encrypted;protocol="%s";boundary="Encrypted Boundary"`, protocol), b.Bytes()
}
