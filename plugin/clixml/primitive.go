package clixml

import (
	"encoding/base64"
	"encoding/xml"
	"math"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf16"
	"unicode/utf8"
)

// primitives gives, by element, the value that a text stands for ([MS-PSRP] 2.2.5.1).
var primitives = map[string]func(text string) (value any, ok bool){
	"S": verbatim, "URI": verbatim, "XD": verbatim, "SBK": verbatim,
	"B":  boolean,
	"C":  character,
	"By": unsigned(8), "U16": unsigned(16), "U32": unsigned(32), "U64": unsigned(64),
	"SB": signed(8), "I16": signed(16), "I32": signed(32), "I64": signed(64),
	"Sg": float(32), "Db": float(64),
	"D":       matching(`[+-]?(\d+\.?\d*|\.\d+)`),
	"G":       matching(`[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}`),
	"Version": matching(`\d{1,10}(\.\d{1,10}){1,3}`),
	"DT":      dateTime,
	"TS":      timeSpan,
	"BA":      bytesOf,
}

// escaped are the primitives whose text may hold _xHHHH_.
var escaped = map[string]bool{"S": true, "URI": true, "XD": true, "SBK": true}

func (p *parser) primitive(start xml.StartElement) (*Object, error) {
	name := start.Name.Local
	parse, known := primitives[name]
	if !known {
		return nil, p.unexpected(start)
	}
	text, err := p.text()
	if err != nil {
		return nil, err
	}
	if escaped[name] {
		text = unescape(text)
	} else {
		text = strings.TrimSpace(text)
	}
	value, ok := parse(text)
	if !ok {
		return nil, p.errorf("<%s> with malformed content", name)
	}
	return &Object{Type: name, Text: text, Value: value}, nil
}

// unescape replaces _xHHHH_, the UTF-16 code units that PowerShell writes for
// control characters, surrogates and an underscore before an x.
func unescape(s string) string {
	at := strings.IndexByte(s, '_')
	if at < 0 {
		return s
	}
	out := make([]byte, 0, len(s))
	for ; at >= 0; at = strings.IndexByte(s, '_') {
		out, s = append(out, s[:at]...), s[at:]
		r, ok := codeUnit(s)
		if !ok {
			out, s = append(out, '_'), s[1:]
			continue
		}
		s = s[7:]
		if low, ok := codeUnit(s); ok && utf16.DecodeRune(r, low) != utf8.RuneError {
			r, s = utf16.DecodeRune(r, low), s[7:]
		}
		out = utf8.AppendRune(out, r) // half a pair becomes U+FFFD
	}
	return string(append(out, s...))
}

// codeUnit reads the _xHHHH_ at the start of s.
func codeUnit(s string) (rune, bool) {
	if len(s) < 7 || s[0] != '_' || s[1]|' ' != 'x' || s[6] != '_' {
		return 0, false
	}
	n, err := strconv.ParseUint(s[2:6], 16, 16)
	return rune(n), err == nil
}

func verbatim(text string) (any, bool) { return text, true }

func boolean(text string) (any, bool) {
	switch text {
	case "true", "1":
		return true, true
	case "false", "0":
		return false, true
	}
	return nil, false
}

func character(text string) (any, bool) {
	n, err := strconv.ParseUint(text, 10, 16)
	return string(rune(n)), err == nil
}

func signed(bits int) func(string) (any, bool) {
	return func(text string) (any, bool) {
		n, err := strconv.ParseInt(text, 10, bits)
		return n, err == nil
	}
}

func unsigned(bits int) func(string) (any, bool) {
	return func(text string) (any, bool) {
		n, err := strconv.ParseUint(text, 10, bits)
		if bits == 64 {
			return n, err == nil
		}
		return int64(n), err == nil
	}
}

func float(bits int) func(string) (any, bool) {
	return func(text string) (any, bool) {
		switch text {
		case "INF":
			return math.Inf(1), true
		case "-INF":
			return math.Inf(-1), true
		case "NaN":
			return math.NaN(), true
		}
		if strings.Trim(text, "0123456789.+-Ee") != "" {
			return nil, false // ParseFloat also reads hexadecimal and "infinity"
		}
		f, err := strconv.ParseFloat(text, bits)
		return f, err == nil
	}
}

func matching(pattern string) func(string) (any, bool) {
	whole := lazily(`^(?:` + pattern + `)$`)
	return func(text string) (any, bool) {
		return text, whole().MatchString(text)
	}
}

// lazily compiles an expression when it is first used: most documents need none, and every start would pay for all.
func lazily(expression string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expression) })
}

// dateTime reads the round-trip format: "Z", an offset, or none (see Object.Time).
func dateTime(text string) (any, bool) {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), true
		}
	}
	return nil, false
}

var span = lazily(`^(-?)P(?:(\d{1,8})D)?(?:T(?:(\d{1,8})H)?(?:(\d{1,8})M)?(?:(\d{1,8})(?:\.(\d{1,9}))?S)?)?$`)

// timeSpan reads days to seconds; years and months are never written.
func timeSpan(text string) (any, bool) {
	m := span().FindStringSubmatch(text)
	if m == nil || strings.HasSuffix(text, "P") || strings.HasSuffix(text, "T") {
		return nil, false
	}
	number := func(s string) int64 { n, _ := strconv.ParseInt("0"+s, 10, 64); return n }
	seconds := ((number(m[2])*24+number(m[3]))*60+number(m[4]))*60 + number(m[5])
	if seconds >= math.MaxInt64/int64(time.Second) {
		return nil, true
	}
	nanos := number((m[6] + "000000000")[:9])
	d := time.Duration(seconds)*time.Second + time.Duration(nanos)
	if m[1] == "-" {
		d = -d
	}
	return d, true
}

func bytesOf(text string) (any, bool) {
	b, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), ""))
	return b, err == nil
}
