package source

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"net/url"
	"slices"
	"strings"
	"unicode/utf16"

	"check_exchange_authcert/plugin/authcert"
)

// Discreet is a source that repeats no password. Some ways hand one to the
// other side, to the collector or in a logon, and what that side says when
// something goes wrong is quoted: it may say what it was told.
type Discreet struct {
	Source   Source
	Accounts []Credentials
}

// Snapshot takes the passwords out of the source's words on what it could not
// read.
func (d Discreet) Snapshot(ctx context.Context) (*authcert.Snapshot, error) {
	snap, err := d.Source.Snapshot(ctx)
	var forms []string
	for _, account := range d.Accounts {
		forms = append(forms, spellings(account.password)...)
	}
	if len(forms) == 0 {
		return snap, err
	}
	var problem *authcert.Problem
	if errors.As(err, &problem) {
		told := *problem
		hideIn(&told, forms)
		return nil, &told
	}
	if err != nil {
		return nil, errors.New(hidden(err.Error(), forms))
	}
	for i := range snap.Errors {
		hideIn(&snap.Errors[i], forms)
	}
	for i, text := range snap.Origin.Tried {
		snap.Origin.Tried[i] = hidden(text, forms)
	}
	for i := range snap.Servers {
		hideInServer(&snap.Servers[i], forms)
	}
	return snap, nil
}

func hideInServer(s *authcert.Server, forms []string) {
	hideIn(s.Error, forms)
	for i := range s.Served {
		hideIn(s.Served[i].Error, forms)
	}
	if s.Published != nil {
		hideIn(s.Published.Error, forms)
	}
}

func hideIn(p *authcert.Problem, forms []string) {
	if p != nil {
		p.Stage, p.Message = hidden(p.Stage, forms), hidden(p.Message, forms)
	}
}

// shortest is the length of a password, or of its beginning, from which on it
// is looked for: a shorter one would take ordinary words apart.
const shortest = 4

// hidden takes passwords out of a text, also what is left of one where a part of
// the text was cut.
func hidden(text string, forms []string) string {
	const instead = "(secret)"
	for _, form := range forms {
		parts := strings.Split(strings.ReplaceAll(text, form, instead), "…")
		for i := range parts[:len(parts)-1] {
			for size := len(form) - 1; size >= shortest; size-- {
				if kept, found := strings.CutSuffix(parts[i], form[:size]); found {
					parts[i] = kept + instead
					break
				}
			}
		}
		text = strings.Join(parts, "…")
	}
	return text
}

// spellings are the forms in which a password travels: as it is and as one
// line, in an URL, in base64 wherever it stands in there, and in hex; in UTF-8
// and in UTF-16.
func spellings(password string) []string {
	if len(password) < shortest {
		return nil
	}
	forms := []string{password, strings.Join(strings.Fields(password), " "), url.QueryEscape(password), url.PathEscape(password)}
	wide := []byte{}
	for _, unit := range utf16.Encode([]rune(password)) {
		wide = binary.LittleEndian.AppendUint16(wide, unit)
	}
	for _, data := range [][]byte{[]byte(password), wide} {
		digits := hex.EncodeToString(data)
		forms = append(forms, digits, strings.ToUpper(digits))
		for before := range 3 {
			// Each character holds six bits; those that it shares with what stands around are left out.
			text := base64.RawStdEncoding.EncodeToString(append(make([]byte, before), data...))
			text = text[(before*8+5)/6 : (before+len(data))*8/6]
			forms = append(forms, text, strings.NewReplacer("+", "-", "/", "_").Replace(text))
		}
	}
	return slices.DeleteFunc(forms, func(form string) bool { return len(form) < shortest })
}
