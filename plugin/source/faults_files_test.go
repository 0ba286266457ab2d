package source_test

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"check_exchange_authcert/plugin/authcert"
	"check_exchange_authcert/plugin/source"
)

// fileRows are facts that somebody saved, in a file, in a folder and on standard input.
func fileRows() []*origin {
	stageWords := func(s stage, f fault) statement {
		v := statement{authcert.Unknown, reasons[f], "reading the snapshot"}
		switch {
		case f == unknown:
			v.reason = authcert.NotFound
		case f == denied:
			v.reason = authcert.Unreadable // a folder in the file's place: root may read every file
		case f == hang, f == drip:
			v.stage = "reading the facts"
		case s == parse && f == truncated, f == crowded:
			v.reason = authcert.Malformed
		}
		return v
	}
	piped := func(s stage) []fault {
		switch s {
		case receive:
			return []fault{hang, drip}
		case parse:
			return []fault{truncated, oversized, garbled, wrongType, wrongEncoding, empty, crowded}
		}
		return nil // no host, no conversation: it is opened and read
	}
	saved := func(s stage) []fault {
		if s == connect {
			return []fault{unknown, denied}
		}
		return piped(s)
	}
	return []*origin{
		{"Snapshot", saved, stageWords, func(t *testing.T, at stage, f fault) subject {
			return subject{source: source.File{Path: fileWith(t, at, f, "snapshot.json", soundSnapshot(t), jsonText)}}
		}},
		{"Snapshot on standard input", piped, stageWords, func(t *testing.T, at stage, f fault) subject {
			if at == receive {
				return subject{source: source.File{Path: "-", Stdin: slowly(t, f, soundSnapshot(t))}}
			}
			return subject{source: source.File{Path: "-", Stdin: strings.NewReader(string(spoiledFile(f, soundSnapshot(t), jsonText)))}}
		}},
		{"CLIXML", saved, func(s stage, f fault) statement {
			v := stageWords(s, f)
			if f == wrongType {
				v.stage = authcert.StageAuthConfig
			}
			return v
		}, func(t *testing.T, at stage, f fault) subject {
			return subject{source: source.File{Path: fileWith(t, at, f, "export.xml", soundExport(), clixmlText)}}
		}},
		{"CLIXML folder", func(s stage) []fault {
			if s != parse {
				return nil // as a single file
			}
			return piped(s)
		}, func(s stage, f fault) statement {
			v := stageWords(s, f)
			if v.stage = authcert.StageAuthConfig; f == empty {
				v.reason = authcert.NotFound // the rest is there
			}
			return v
		}, func(t *testing.T, _ stage, f fault) subject {
			path := written(t, "AuthConfig.xml", spoiledFile(f, []byte(document(authConfig(soundThumbprint()))), clixmlText))
			rest := document(exchangeServer("ex01", "Mailbox"), certificate(string(sound.certificate), "ex01.contoso.com"))
			if err := os.Rename(written(t, "ExchangeServer.xml", []byte(rest)), filepath.Join(filepath.Dir(path), "ExchangeServer.xml")); err != nil {
				t.Fatal(err)
			}
			return subject{source: source.File{Path: filepath.Dir(path)}}
		}},
	}
}

// soundExport is an organization in one file of Export-Clixml.
func soundExport() []byte {
	return []byte(document(authConfig(soundThumbprint()), exchangeServer("ex01", "Mailbox"), certificate(string(sound.certificate), "ex01.contoso.com")))
}

// dialect is how the faults of content are written in a format: another type, nothing, and a list of small parts.
type dialect struct{ wrongType, empty, begin, part, end string }

var (
	jsonText = dialect{`{"schema":1,"takenAt":"2026-11-23T12:00:00Z","authConfig":{"currentCertificateThumbprint":7},"servers":"x"}`, `{}`,
		`{"schema":1,"takenAt":"2026-11-23T12:00:00Z","servers":[{"fqdn":"ex01.contoso.com","certificates":[{}`, `,{}`, `]}]}`}
	clixmlText = dialect{document(object("AuthConfig", `<I32 N="CurrentCertificateThumbprint">7</I32>`, "")), document(),
		`<Objs xmlns="http://schemas.microsoft.com/powershell/2004/04">`, `<Obj RefId="1"/>`, `</Objs>`}
)

// crowd is a text of so many bytes at most.
func (d dialect) crowd(size int) []byte {
	return []byte(d.begin + strings.Repeat(d.part, (size-len(d.begin+d.end))/len(d.part)) + d.end)
}

func spoiledFile(f fault, good []byte, d dialect) []byte {
	switch f {
	case truncated:
		return good[:len(good)/2]
	case oversized:
		return append(good, flood...)
	case garbled:
		return noise
	case wrongType:
		return []byte(d.wrongType)
	case wrongEncoding:
		return utf16Text(good)
	case empty:
		return []byte(d.empty)
	case crowded:
		return d.crowd(12 << 20)
	}
	return good
}

// fileWith is the path of a file that is there with a fault.
func fileWith(t *testing.T, at stage, f fault, name string, good []byte, d dialect) string {
	t.Helper()
	switch {
	case at == receive:
		return pipe(t, f, name, good)
	case f == unknown:
		return filepath.Join(t.TempDir(), name)
	case f == denied:
		return filepath.Join(written(t, name, good), name) // below a file
	}
	return written(t, name, spoiledFile(f, good, d))
}

// slowly is a reader that hangs, or gives a byte a second, until the test ends.
func slowly(t *testing.T, f fault, text []byte) io.Reader {
	t.Helper()
	reader, writer := io.Pipe()
	feed(t, f, writer, text)
	return reader
}
