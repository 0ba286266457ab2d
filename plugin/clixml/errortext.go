package clixml

import "strings"

var (
	headerLine = lazily(header + `\r?\n?`)
	// Control sequences (colours) and operating system commands (titles, links) of a terminal.
	ansi = lazily(`\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)`)
)

// ErrorText returns what a standard error of powershell.exe says to a person: of each
// "#< CLIXML" document the objects of the stream "Error", and what other programs wrote
// around them, with LF at line ends and without ANSI escape sequences. Several documents
// may follow one another, with the header lines in front. A text without a header is
// returned as it is, and so is a document that cannot be read.
func ErrorText(data []byte) string {
	if !strings.Contains(string(data), header) {
		return string(data)
	}
	// The bytes are in the console's code page, which need not be UTF-8.
	rest := headerLine().ReplaceAllString(strings.ToValidUTF8(string(data), "\uFFFD"), "")
	var out strings.Builder
	for {
		start, end := strings.Index(rest, "<Objs"), strings.Index(rest, "</Objs>")
		if start < 0 || end < start {
			break
		}
		end += len("</Objs>")
		out.WriteString(rest[:start])
		out.WriteString(errorsOf(rest[start:end]))
		rest = rest[end:]
	}
	out.WriteString(rest)
	text := strings.ReplaceAll(out.String(), "\r\n", "\n")
	return strings.Trim(ansi().ReplaceAllString(text, ""), "\n")
}

// errorsOf joins the errors of one document. Strings bring their own line ends,
// error records do not.
func errorsOf(document string) string {
	objects, err := Parse([]byte(document))
	if err != nil {
		return document
	}
	var out strings.Builder
	for _, o := range objects {
		text, _ := o.Str()
		if o.Stream != "Error" || text == "" {
			continue
		}
		out.WriteString(text)
		if o.Type != "S" {
			out.WriteString("\n")
		}
	}
	return out.String()
}
