package wsmantest

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"encoding/xml"
	"fmt"
)

const namespaces = `xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing"` +
	` xmlns:w="http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd" xmlns:rsp="` + nsShell + `"`

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
