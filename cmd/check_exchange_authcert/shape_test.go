package main

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/atc0005/go-nagios"

	"check_exchange_authcert/plugin/authcert"
)

// outOfShape says what is wrong with an answer whatever it is about: its
// length, a character that a terminal or a web page obeys, a document that is
// none.
func outOfShape(form, output string, result authcert.Result) string {
	if problem := obeyed(output); problem != "" {
		return problem
	}
	switch form {
	case "prtg":
		return badXML(output)
	case "json", "zabbix", "prtg-v2":
		return badJSON(form, output)
	}
	return badText(form, output, result)
}

// obeyed finds what a terminal or a web page does not print, but does.
func obeyed(output string) string {
	if !utf8.ValidString(output) {
		return "no UTF-8"
	}
	control := func(r rune) bool { return r != '\n' && unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) }
	if i := strings.IndexFunc(output, control); i >= 0 {
		return fmt.Sprintf("%q at byte %d", output[i:min(i+4, len(output))], i)
	}
	return ""
}

func badText(form, output string, result authcert.Result) string {
	limit := map[string]int{"nagios": 4 << 10, "nagiosv": 16 << 10, "nagiosvv": 60 << 10}[form]
	first, _, _ := strings.Cut(strings.ReplaceAll(output, "|", "\n"), "\n")
	text, performance, _ := strings.Cut(output, "|")
	parsed, err := nagios.ParsePerfData(strings.TrimSpace(performance))
	switch {
	case len(output) > limit || utf8.RuneCountInString(first) > 160:
		return fmt.Sprintf("%d bytes, first line of %d characters", len(output), utf8.RuneCountInString(first))
	case strings.Count(output, "|") != 1 || strings.ContainsAny(output, "<>"):
		return "a bar or markup"
	case !strings.HasPrefix(text, result.Status.String()+" - "):
		return "it does not begin with its status " + result.Status.String()
	case err != nil || len(parsed) != len(result.Metrics):
		return fmt.Sprintf("%d performance values of %d: %v", len(parsed), len(result.Metrics), err)
	}
	return ""
}

func badXML(output string) string {
	var sensor struct {
		Text string `xml:"text"`
	}
	err := xml.Unmarshal([]byte(output), &sensor)
	switch {
	case err != nil:
		return err.Error()
	case strings.Contains(output, "#") || strings.ContainsAny(sensor.Text, "<>\n") || len(utf16.Encode([]rune(sensor.Text))) > 2000:
		return "a text that PRTG clips, shows as markup or refuses"
	}
	return ""
}

func badJSON(form, output string) string {
	var document struct {
		Message                  string
		Certificates, ServerList []map[string]any
	}
	if err := json.Unmarshal([]byte(output), &document); err != nil {
		return err.Error()
	}
	if form == "prtg-v2" && (strings.ContainsAny(document.Message, "#<>\n") || len(utf16.Encode([]rune(document.Message))) > 2000) {
		return "a text that PRTG clips, shows as markup or refuses"
	}
	if form != "zabbix" {
		return ""
	}
	if strings.Count(output, "\n") != 1 || len(output) > 64<<10 {
		return fmt.Sprintf("%d bytes, not in one line", len(output))
	}
	for _, discovered := range slices.Concat(document.Certificates, document.ServerList) {
		for key, value := range discovered {
			if text, is := value.(string); is && (strings.ContainsAny(text, `"'\{}$[]<>|`) || utf8.RuneCountInString(text) > 120) {
				return fmt.Sprintf("%s is %q, which discovery takes for a macro or a path", key, text)
			}
		}
	}
	return ""
}

// skeleton is what readers take from an answer: performance data, elements and
// values other than texts.
func skeleton(form, output string) []string {
	switch form {
	case "prtg":
		return elements(output)
	case "json", "zabbix", "prtg-v2":
		var document any
		if err := json.Unmarshal([]byte(output), &document); err != nil {
			return []string{err.Error()}
		}
		return values(document, "")
	}
	status, _, _ := strings.Cut(output, " ")
	_, performance, _ := strings.Cut(output, "|")
	return append(strings.Fields(performance), status)
}

// values lists the keys of a document, with the values that are no text. Origins
// that are the same are told once, so that how many there are is a matter of
// their words.
func values(value any, path string) (all []string) {
	if path == ".origins" {
		return nil
	}
	switch value := value.(type) {
	case map[string]any:
		for key, child := range value {
			all = append(all, values(child, path+"."+key)...)
		}
	case []any:
		for i, child := range value {
			all = append(all, values(child, fmt.Sprint(path, ".", i))...)
		}
	case string:
		all = append(all, path)
	default:
		all = append(all, fmt.Sprint(path, "=", value))
	}
	slices.Sort(all)
	return all
}

// elements lists the tags of a document, and its texts but for <text>.
func elements(output string) (all []string) {
	decoder := xml.NewDecoder(strings.NewReader(output))
	for inText := false; ; {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			return []string{err.Error()}
		}
		switch token := token.(type) {
		case xml.StartElement:
			inText = token.Name.Local == "text"
			all = append(all, "<"+token.Name.Local)
		case xml.EndElement:
			inText = false
			all = append(all, ">")
		case xml.CharData:
			if text := strings.TrimSpace(string(token)); text != "" && !inText {
				all = append(all, text)
			}
		default:
			all = append(all, fmt.Sprintf("%T", token))
		}
	}
}
