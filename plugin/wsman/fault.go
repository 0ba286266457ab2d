package wsman

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// operationTimeoutWord is what masterzen/winrm v0.0.0-20260407182533 (command.go) looks for in an error's text to tell
// "nothing to report yet" from a failure.
const operationTimeoutWord = "OperationTimeout"

// Codes of WSManFault that callers tell apart (winerror and wsmerror numbers).
const (
	CodeOperationTimeout uint32 = 2150858793 // nothing to report within the OperationTimeout
	CodeShellNotFound    uint32 = 2150858843 // no such shell or command
	CodeResourceNotFound uint32 = 2150858811 // no such resource URI: a service without Exchange, say
	CodeFileNotFound     uint32 = 2147942402 // the command's program does not exist (without cmd.exe in between)
	CodeAccessDenied     uint32 = 2147942405 // E_ACCESSDENIED; Windows also sends the bare 5
	CodeMaxShellsPerUser uint32 = 2150859174 // the quota of shells for this user
	CodeMaxConcurrent    uint32 = 2150859173 // the quota of users or operations
)

// Fault is a SOAP fault of a WS-Management service.
type Fault struct {
	Status  int    // HTTP status it came with
	Code    uint32 // WSManFault's Code; 0 if there is none
	SOAP    string // the SOAP code without prefix: Sender, Receiver
	Subcode string // the SOAP subcode without prefix: TimedOut, AccessDenied, InvalidSelectors
	Reason  string // the text for people, in the server's language, in one line
	Message string // WSManFault's own message, in one line; often the same as Reason, sometimes more
	Machine string // the host that made the fault
}

// OperationTimeout says whether the fault is the service's "nothing to report yet".
func (f *Fault) OperationTimeout() bool { return f.Code == CodeOperationTimeout }

// Error gives code, subcode, host and text in one line.
func (f *Fault) Error() string {
	text := f.Message // where they differ it is the more exact one
	if text == "" {
		text = f.Reason
	}
	name := "fault " + strconv.FormatUint(uint64(f.Code), 10)
	if f.Code == 0 {
		name = "fault"
	}
	if f.OperationTimeout() {
		name += " " + operationTimeoutWord
	}
	if f.Machine != "" {
		name += " from " + f.Machine
	}
	if f.Subcode != "" {
		name += " (" + f.Subcode + ")"
	}
	return cut(fmt.Sprintf("%s: %s", name, text), maxFaultText)
}

// maxFaultText bounds what a server's text adds to an error: Windows' longest are about 600 characters.
const maxFaultText = 1000

func cut(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	return strings.ToValidUTF8(text[:limit], "") + "…"
}

// reason maps a fault to the closed list: by code, else by subcode.
func (f *Fault) reason() Reason {
	switch f.Code {
	case CodeOperationTimeout:
		return ReasonTimeout
	case CodeAccessDenied, 5:
		return ReasonAccessDenied
	case CodeShellNotFound, CodeResourceNotFound, CodeFileNotFound:
		return ReasonNotFound
	case CodeMaxShellsPerUser, CodeMaxConcurrent:
		return ReasonThrottled
	}
	switch f.Subcode {
	case "TimedOut":
		return ReasonTimeout
	case "AccessDenied":
		return ReasonAccessDenied
	case "DestinationUnreachable", "InvalidSelectors", "EndpointUnavailable":
		return ReasonNotFound
	case "QuotaLimit":
		return ReasonThrottled
	case "ActionNotSupported", "UnsupportedFeature":
		return ReasonUnsupported
	}
	return ReasonUnreadable
}

const (
	nsSOAP  = "http://www.w3.org/2003/05/soap-envelope"
	nsFault = "http://schemas.microsoft.com/wbem/wsman/1/wsmanfault"
)

type faultXML struct {
	Value   string `xml:"Code>Value"`
	Subcode string `xml:"Code>Subcode>Value"`
	Reason  string `xml:"Reason>Text"`
	Detail  struct {
		Fault struct {
			Code    string  `xml:"Code,attr"`
			Machine string  `xml:"Machine,attr"`
			Message message `xml:"Message"`
		} `xml:"http://schemas.microsoft.com/wbem/wsman/1/wsmanfault WSManFault"`
	} `xml:"Detail"`
}

// message is a text that may have elements in it: a ProviderFault with a WSManFault of its own, for example.
type message string

func (m *message) UnmarshalXML(d *xml.Decoder, _ xml.StartElement) error {
	var text strings.Builder
	for depth := 1; depth > 0; {
		token, err := d.Token()
		if err != nil {
			return err
		}
		switch token := token.(type) {
		case xml.StartElement:
			depth++
		case xml.EndElement:
			depth--
		case xml.CharData:
			text.Write(token)
		}
	}
	*m = message(text.String())
	return nil
}

// ParseFault reads the fault in a SOAP envelope. It returns nil without an error when the envelope's body holds
// something else, and an error when it is no SOAP 1.2 envelope at all.
func ParseFault(envelope []byte) (*Fault, error) {
	decoder := xml.NewDecoder(bytes.NewReader(envelope))
	for path := 0; ; {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("no SOAP body in %d bytes", len(envelope))
		}
		if err != nil {
			return nil, fmt.Errorf("reading the SOAP envelope: %w", err)
		}
		start, ok := token.(xml.StartElement)
		if !ok {
			if _, ok := token.(xml.EndElement); ok && path == 2 {
				return nil, nil // an empty body
			}
			continue
		}
		switch {
		case path == 0 && start.Name == xml.Name{Space: nsSOAP, Local: "Envelope"}:
			path = 1
		case path == 1 && start.Name == xml.Name{Space: nsSOAP, Local: "Body"}:
			path = 2
		case path == 1:
			if err := decoder.Skip(); err != nil {
				return nil, fmt.Errorf("reading the SOAP header: %w", err)
			}
		case path == 2 && start.Name == xml.Name{Space: nsSOAP, Local: "Fault"}:
			return decodeFault(decoder, start)
		case path == 2:
			return nil, nil
		default:
			return nil, fmt.Errorf("the document is %q, not a SOAP envelope", cut(start.Name.Local, 40))
		}
	}
}

func decodeFault(decoder *xml.Decoder, start xml.StartElement) (*Fault, error) {
	var x faultXML
	if err := decoder.DecodeElement(&x, &start); err != nil {
		return nil, fmt.Errorf("reading the SOAP fault: %w", err)
	}
	code, _ := strconv.ParseUint(strings.TrimSpace(x.Detail.Fault.Code), 10, 32) // 0 is "none"
	return &Fault{
		Code:    uint32(code),
		SOAP:    local(x.Value),
		Subcode: local(x.Subcode),
		Reason:  oneLine(x.Reason),
		Message: oneLine(string(x.Detail.Fault.Message)),
		Machine: oneLine(x.Detail.Fault.Machine),
	}, nil
}

// local is a qualified name without its prefix.
func local(name string) string {
	name = oneLine(name)
	return name[strings.LastIndexByte(name, ':')+1:]
}
