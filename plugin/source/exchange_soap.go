package source

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"check_exchange_authcert/plugin/psrp"
)

// MS-WSMV's shell, as PowerShell remoting uses it. Exchange takes its resource URI on every message.
const (
	exchangeResource = "http://schemas.microsoft.com/powershell/Microsoft.Exchange"
	shellActions     = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell/"
	transferActions  = "http://schemas.xmlsoap.org/ws/2004/09/transfer/"
	terminate        = shellActions + "signal/terminate"

	// maxEnvelope is the largest answer that the host may send, in bytes: what Windows' own client asks for. A host
	// whose own limit is lower keeps to that.
	maxEnvelope = 512000
)

// soapMessage is what one message differs by.
type soapMessage struct {
	action  string
	options string // <w:Option> elements
	wait    time.Duration
	body    string
}

const envelope = `<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing"` +
	` xmlns:w="http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd" xmlns:p="http://schemas.microsoft.com/wbem/wsman/1/wsman.xsd"` +
	` xmlns:rsp="http://schemas.microsoft.com/wbem/wsman/1/windows/shell"><s:Header>` +
	`<a:To>%s</a:To><a:ReplyTo><a:Address s:mustUnderstand="true">http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous</a:Address></a:ReplyTo>` +
	`<a:Action s:mustUnderstand="true">%s</a:Action><a:MessageID>uuid:%s</a:MessageID><w:ResourceURI s:mustUnderstand="true">%s</w:ResourceURI>` +
	`<w:MaxEnvelopeSize s:mustUnderstand="true">%d</w:MaxEnvelopeSize><w:OperationTimeout>PT%.3fS</w:OperationTimeout>` +
	`<w:Locale s:mustUnderstand="false" xml:lang="en-US"/><p:DataLocale s:mustUnderstand="false" xml:lang="en-US"/>%s%s</s:Header><s:Body>%s</s:Body></s:Envelope>`

func (s *remoteSession) message(m soapMessage) []byte {
	options, selectors := "", ""
	if m.options != "" {
		options = `<w:OptionSet s:mustUnderstand="true">` + m.options + `</w:OptionSet>`
	}
	if s.shell != "" {
		selectors = `<w:SelectorSet><w:Selector Name="ShellId">` + xmlText(s.shell) + `</w:Selector></w:SelectorSet>`
	}
	if m.wait == 0 {
		m.wait = longWait
	}
	return fmt.Appendf(nil, envelope, xmlText(s.config.URL), m.action, psrp.NewID(), exchangeResource, maxEnvelope, m.wait.Seconds(), options, selectors, m.body)
}

func (s *remoteSession) createMessage(creation []byte) []byte {
	return s.message(soapMessage{
		action:  transferActions + "Create",
		options: `<w:Option Name="protocolversion" MustComply="true">` + psrp.ProtocolVersion + `</w:Option>`,
		body: fmt.Sprintf(`<rsp:Shell ShellId="%s"><rsp:IdleTimeOut>%s</rsp:IdleTimeOut><rsp:InputStreams>stdin pr</rsp:InputStreams><rsp:OutputStreams>stdout</rsp:OutputStreams>`+
			`<creationXml xmlns="http://schemas.microsoft.com/powershell">%s</creationXml></rsp:Shell>`, s.pool.ID(), idleTimeout, base64Text(creation)),
	})
}

func (s *remoteSession) commandMessage(p *psrp.Pipeline) []byte {
	return s.message(soapMessage{
		action:  shellActions + "Command",
		options: `<w:Option Name="WINRS_SKIP_CMD_SHELL">False</w:Option>`,
		body:    fmt.Sprintf(`<rsp:CommandLine CommandId="%s"><rsp:Command/><rsp:Arguments>%s</rsp:Arguments></rsp:CommandLine>`, p.ID(), base64Text(p.Create())),
	})
}

func (s *remoteSession) receiveMessage(command string, wait time.Duration) []byte {
	return s.message(soapMessage{
		action:  shellActions + "Receive",
		options: `<w:Option Name="WSMAN_CMDSHELL_OPTION_KEEPALIVE">True</w:Option>`,
		wait:    wait,
		body:    fmt.Sprintf(`<rsp:Receive><rsp:DesiredStream%s>stdout</rsp:DesiredStream></rsp:Receive>`, ofCommand(command)),
	})
}

func (s *remoteSession) sendMessage(command string, data []byte) []byte {
	return s.message(soapMessage{
		action: shellActions + "Send",
		body:   fmt.Sprintf(`<rsp:Send><rsp:Stream Name="pr"%s>%s</rsp:Stream></rsp:Send>`, ofCommand(command), base64Text(data)),
	})
}

func (s *remoteSession) signalMessage(command string) []byte {
	return s.message(soapMessage{
		action: shellActions + "Signal",
		body:   fmt.Sprintf(`<rsp:Signal%s><rsp:Code>%s</rsp:Code></rsp:Signal>`, ofCommand(command), terminate),
	})
}

func (s *remoteSession) deleteMessage() []byte {
	return s.message(soapMessage{action: transferActions + "Delete"})
}

func ofCommand(command string) string {
	if command == "" {
		return ""
	}
	return ` CommandId="` + command + `"`
}

func base64Text(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

func xmlText(text string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(text)) // a strings.Builder takes everything
	return b.String()
}

// createdShell is the name of the shell in the answer to Create.
func createdShell(answer []byte) (string, error) {
	var x struct {
		Shell    string `xml:"Body>Shell>ShellId"`
		Selector []struct {
			Name  string `xml:"Name,attr"`
			Value string `xml:",chardata"`
		} `xml:"Body>ResourceCreated>ReferenceParameters>SelectorSet>Selector"`
	}
	if err := xml.Unmarshal(answer, &x); err != nil {
		return "", fmt.Errorf("the answer to Create: %w", err)
	}
	for _, selector := range x.Selector {
		if selector.Name == "ShellId" && selector.Value != "" {
			return selector.Value, nil
		}
	}
	if x.Shell == "" {
		return "", errors.New("the answer to Create names no shell")
	}
	return x.Shell, nil
}

// startedCommand is the name of the command in the answer to Command.
func startedCommand(answer []byte) (string, error) {
	var x struct {
		Command string `xml:"Body>CommandResponse>CommandId"`
	}
	if err := xml.Unmarshal(answer, &x); err != nil {
		return "", fmt.Errorf("the answer to Command: %w", err)
	}
	if x.Command == "" {
		return "", errors.New("the answer to Command names no command")
	}
	return x.Command, nil
}

// received is an answer to Receive: pieces of the streams, in order, and whether the command has ended.
type received struct {
	stdout, stderr [][]byte
	done           bool
}

// parseReceived reads an answer to Receive. encoding/xml (Go 1.26) looks at every byte of a text three times, so the
// decoder is led around the streams' base64: it reads single bytes and stands right behind a start tag.
func parseReceived(answer []byte, command string) (received, error) {
	var got received
	reader := bytes.NewReader(answer)
	decoder := xml.NewDecoder(reader)
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return got, nil
		}
		if err != nil {
			return received{}, fmt.Errorf("the answer to Receive: %w", err)
		}
		start, ok := token.(xml.StartElement)
		if !ok || start.Name.Space+"/" != shellActions {
			continue
		}
		switch start.Name.Local {
		case "CommandState":
			got.done = got.done || strings.HasSuffix(attribute(start, "State"), "/CommandState/Done")
		case "Stream":
			text := plainText(answer, reader)
			if !strings.EqualFold(attribute(start, "CommandId"), command) {
				continue
			}
			data := make([]byte, base64.StdEncoding.DecodedLen(len(text)))
			n, err := base64.StdEncoding.Decode(data, bytes.TrimSpace(text))
			if err != nil {
				return received{}, fmt.Errorf("the answer to Receive is not base64: %w", err)
			}
			switch attribute(start, "Name") {
			case "stdout":
				got.stdout = append(got.stdout, data[:n])
			case "stderr":
				got.stderr = append(got.stderr, data[:n])
			}
		}
	}
}

// plainText takes what stands between the start tag that has just been read and the next tag.
func plainText(document []byte, reader *bytes.Reader) []byte {
	at := len(document) - reader.Len()
	end := bytes.IndexByte(document[at:], '<')
	if end < 0 || bytes.HasSuffix(document[:at], []byte("/>")) {
		return nil
	}
	_, _ = reader.Seek(int64(end), io.SeekCurrent) // stays within the document
	return document[at : at+end]
}

func attribute(start xml.StartElement, name string) string {
	for _, a := range start.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}
