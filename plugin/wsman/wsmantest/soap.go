package wsmantest

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"encoding/xml"
	"fmt"
	"strings"
	"time"
)

const namespaces = `xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing"` +
	` xmlns:w="http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd" xmlns:rsp="` + nsShell + `"`

// envelope is what the host reads of a request.
type envelope struct {
	Action    string `xml:"Header>Action"`
	MessageID string `xml:"Header>MessageID"`
	Resource  string `xml:"Header>ResourceURI"`
	Timeout   string `xml:"Header>OperationTimeout"`
	Options   []struct {
		Name       string `xml:"Name,attr"`
		MustComply string `xml:"MustComply,attr"`
		Value      string `xml:",chardata"`
	} `xml:"Header>OptionSet>Option"`
	Selectors []struct {
		Name  string `xml:"Name,attr"`
		Value string `xml:",chardata"`
	} `xml:"Header>SelectorSet>Selector"`
	Body struct {
		Inner string `xml:",innerxml"`
		Shell struct {
			ID          string `xml:"ShellId,attr"`
			IdleTimeout string `xml:"IdleTimeOut"`
			CreationXML string `xml:"http://schemas.microsoft.com/powershell creationXml"`
		} `xml:"Shell"`
		Command struct {
			ID        string   `xml:"CommandId,attr"`
			Line      string   `xml:"Command"`
			Arguments []string `xml:"Arguments"`
		} `xml:"CommandLine"`
		Streams []struct {
			CommandID string `xml:"CommandId,attr"`
			End       string `xml:"End,attr"`
			Data      string `xml:",chardata"`
		} `xml:"Send>Stream"`
		Desired struct {
			CommandID string `xml:"CommandId,attr"`
		} `xml:"Receive>DesiredStream"`
		Signal struct {
			CommandID string `xml:"CommandId,attr"`
			Code      string `xml:"Code"`
		} `xml:"Signal"`
	} `xml:"Body"`
}

func parseEnvelope(raw []byte) *envelope {
	var e envelope
	if err := xml.Unmarshal(raw, &e); err != nil {
		return &envelope{}
	}
	return &e
}

func (e *envelope) step() Step {
	return Step(e.Action[strings.LastIndexByte(e.Action, '/')+1:])
}

func (e *envelope) commandID() string {
	for _, stream := range e.Body.Streams {
		return stream.CommandID
	}
	return e.Body.Desired.CommandID + e.Body.Signal.CommandID
}

func (e *envelope) shellID() string {
	for _, selector := range e.Selectors {
		if selector.Name == "ShellId" {
			return selector.Value
		}
	}
	return ""
}

// wait is the OperationTimeout; masterzen/winrm and others write it as PT60S or PT0.5S.
func (e *envelope) wait() time.Duration {
	d, err := time.ParseDuration(strings.ToLower(strings.TrimPrefix(strings.TrimSpace(e.Timeout), "PT")))
	if err != nil {
		return time.Minute
	}
	return d
}

func (e *envelope) answer(action, body string) []byte {
	return soap(action, e.MessageID, body)
}

func soap(action, relates, body string) []byte {
	return fmt.Appendf(nil, `<s:Envelope xml:lang="en-US" %s><s:Header><a:Action>%s</a:Action><a:MessageID>uuid:%s</a:MessageID><a:RelatesTo>%s</a:RelatesTo></s:Header><s:Body>%s</s:Body></s:Envelope>`,
		namespaces, action, rand.Text(), escaped(relates), body)
}

func faultEnvelope(f Fault) []byte {
	return soap("http://schemas.dmtf.org/wbem/wsman/1/wsman/fault", "", fmt.Sprintf(
		`<s:Fault><s:Code><s:Value>s:Receiver</s:Value><s:Subcode><s:Value>%s</s:Value></s:Subcode></s:Code><s:Reason><s:Text xml:lang="">%s</s:Text></s:Reason>`+
			`<s:Detail><f:WSManFault xmlns:f="http://schemas.microsoft.com/wbem/wsman/1/wsmanfault" Code="%d" Machine="%s"><f:Message>%s</f:Message></f:WSManFault></s:Detail></s:Fault>`,
		f.Subcode, escaped(f.Reason), f.Code, escaped(cmp.Or(f.Machine, "localhost")), escaped(cmp.Or(f.Message, f.Reason))))
}

func escaped(text string) string {
	var b bytes.Buffer
	xml.EscapeText(&b, []byte(text))
	return b.String()
}
