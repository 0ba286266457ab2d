package prtg

import (
	"encoding/xml"
	"io"
	"math"
	"strings"

	"check_exchange_authcert/plugin/authcert"
)

// document is what an EXE/Script Advanced sensor reads: results or an error,
// never both.
type document struct {
	XMLName xml.Name `xml:"prtg"`
	Results []result `xml:"result"`
	Error   int      `xml:"error,omitempty"`
	Text    content  `xml:"text"`
}

// result is one channel. PRTG takes the limits when it creates the channel and
// never again; the lookup is read on every scan.
type result struct {
	Channel         string `xml:"channel"`
	Value           int64  `xml:"value"`
	Unit            string `xml:"unit"`
	CustomUnit      string `xml:"customunit,omitempty"`
	ValueLookup     string `xml:"valuelookup,omitempty"`
	LimitMode       int    `xml:"limitmode,omitempty"`
	LimitMinWarning *int   `xml:"limitminwarning"`
	LimitMinError   *int   `xml:"limitminerror"`
}

// content is text that is written without numeric references, as in "&#39;":
// PRTG clips a message at "#".
type content struct {
	Escaped string `xml:",innerxml"`
}

var escaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// XML writes the answer of an EXE/Script Advanced sensor. Only what is known
// has a channel; when nothing is, the answer is an error and its text.
func XML(w io.Writer, res authcert.Result) error {
	doc := document{Text: content{escaper.Replace(text(res))}}
	if judgedNothing(res) {
		doc.Error = 1
	} else {
		doc.Results = results(res)
	}
	data, err := xml.MarshalIndent(doc, "", " ")
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, xml.Header+string(data)+"\n")
	return err
}

// results are the channels of this scan, in the fixed order.
func results(res authcert.Result) []result {
	all := []result{{Channel: statusChannel, Value: int64(res.Status.Code()), Unit: "Custom", ValueLookup: lookupID}}
	for _, channel := range channels {
		metric, known := measured(res, channel.metric)
		if !known {
			continue
		}
		r := result{Channel: channel.name, Value: int64(math.Round(metric.Value)), Unit: "Count"}
		if channel.unit != "" {
			r.Unit, r.CustomUnit = "Custom", channel.unit
		}
		r.LimitMinWarning, r.LimitMinError = minimum(metric.Warning), minimum(metric.Critical)
		if r.LimitMinWarning != nil || r.LimitMinError != nil {
			r.LimitMode = 1
		}
		all = append(all, r)
	}
	return all
}
