package psrp

import (
	"errors"
)

// voidCall is the call id of a call that nobody waits for ([MS-PSRP] 2.2.2.15).
const voidCall = -100

// refuse answers a call to the client's host. A method that returns something gets an error, or the command would wait
// for an answer for ever; the others need none.
func (p *Pool) refuse(call Message) ([]byte, error) {
	o, err := call.object()
	if err != nil {
		return nil, err
	}
	id, known := o.Property("ci").Int()
	if !known {
		return nil, errors.New("a call to the host without its number")
	}
	if id == voidCall {
		return nil, nil
	}
	method, _ := o.Property("mi").Int()
	name, _ := o.Property("mi").Str()
	var w writer
	w.bag("", func() {
		w.i64("ci", id)
		w.enum("mi", "System.Management.Automation.Remoting.RemoteHostMethodId", name, int32(method))
		w.refusal("me")
	})
	kind := PipelineHostResp
	if call.Type == RunspacePoolHostCall {
		kind = RunspacePoolHostResp
	}
	return p.pack(Message{Type: kind, Pipeline: call.Pipeline, Data: []byte(w.String())}), nil
}

const refused = "there is no host: nobody can be asked"

// refusal writes the error record that a command gets which asks its host.
func (w *writer) refusal(name string) {
	w.object(name, []string{"System.Management.Automation.ErrorRecord", "System.Object"}, func() {
		w.simple("ToString", "", refused)
		w.WriteString("<MS>")
		types := []string{"System.NotSupportedException", "System.SystemException", "System.Exception", "System.Object"}
		w.object("Exception", types, func() {
			w.simple("ToString", "", refused)
			w.WriteString("<Props>")
			w.str("Message", refused)
			w.WriteString("</Props>")
		})
		w.null("TargetObject")
		w.str("FullyQualifiedErrorId", "NoHost")
		w.null("InvocationInfo")
		w.i32("ErrorCategory_Category", 11) // NotImplemented
		for _, field := range []string{"Activity", "Reason", "TargetName", "TargetType", "Message"} {
			w.str("ErrorCategory_"+field, map[string]string{"Reason": "NotSupportedException", "Message": refused}[field])
		}
		w.boolean("SerializeExtendedInfo", false)
		w.WriteString("</MS>")
	})
}
