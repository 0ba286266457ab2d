package source

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"

	"check_exchange_authcert/plugin/authcert"
)

// Discreet is a source that repeats no secret. Some ways hand one to the other
// side, to the collector or in a logon, and what that side says is quoted: in
// what went wrong, and in every fact that is a text.
type Discreet struct {
	Source   Source
	Accounts []Credentials
	Login    ClientLogin
}

// Snapshot takes the secrets out of the source's words.
func (d Discreet) Snapshot(ctx context.Context) (*authcert.Snapshot, error) {
	snap, err := d.Source.Snapshot(ctx)
	secrets := []string{d.Login.secret()}
	for _, account := range d.Accounts {
		secrets = append(secrets, account.password)
	}
	forms := spellings(shortest, secrets...)
	if len(forms) == 0 {
		return snap, err
	}
	var problem *authcert.Problem
	if errors.As(err, &problem) {
		told := *problem
		hideIn(reflect.ValueOf(&told), forms, forms)
		return nil, &told
	}
	if err != nil {
		return nil, errors.New(hidden(err.Error(), forms))
	}
	hideIn(reflect.ValueOf(snap), spellings(shortestInNames, secrets...), forms)
	return snap, nil
}

// hideIn takes secrets out of every text that a value holds, more of them in
// problems. Bytes of a certificate and what stands for one are no text.
func hideIn(v reflect.Value, forms, inProblems []string) {
	switch {
	case v.Type() == reflect.TypeFor[authcert.DER](), v.Type() == reflect.TypeFor[authcert.Thumbprint](), v.Type() == reflect.TypeFor[authcert.Instant]():
	case v.Kind() == reflect.String && !slices.Contains(ownWords, v.String()):
		v.SetString(hidden(v.String(), forms))
	case v.Kind() == reflect.Pointer && !v.IsNil():
		hideIn(v.Elem(), forms, inProblems)
	case v.Kind() == reflect.Slice:
		for i := range v.Len() {
			hideIn(v.Index(i), forms, inProblems)
		}
	case v.Kind() == reflect.Struct:
		if v.Type() == reflect.TypeFor[authcert.Problem]() {
			forms = inProblems
		}
		for i := range v.NumField() {
			hideIn(v.Field(i), forms, inProblems)
		}
	}
}

// ownWords are this program's, which rules and readers look for: a secret that
// is one of them, or a part of one, gives nothing away there.
var ownWords = []string{
	string(authcert.Unreachable), string(authcert.Timeout), string(authcert.AccessDenied), string(authcert.NotFound),
	string(authcert.Malformed), string(authcert.Unsupported), string(authcert.Throttled), string(authcert.Unreadable),
	authcert.StageSession, authcert.StageAuthConfig, authcert.StageEffectiveDate, authcert.StageServers, authcert.StageCertificate, authcert.StageEntra,
	authcert.KindPublished, authcert.KindLDAP, "exchange", "winrm", "powershell", "clixml", "store", "tls",
}

// shortest is the length of a secret, or of its beginning, from which on it is
// looked for: a shorter one would take ordinary words apart. In names, which
// have no other words around them, one that is a part of a name would be given
// away by what is left.
const (
	shortest        = 4
	shortestInNames = 8
)

// instead stands in the place of a secret.
const instead = "(secret)"

// hidden takes secrets out of a text, also what is left of one where the text
// was cut: that ends in an ellipsis, or is quoted.
func hidden(text string, forms []string) string {
	for _, form := range forms {
		text = strings.ReplaceAll(text, form, instead)
		for _, end := range []string{"…", `"`} {
			if strings.Contains(text, form[:shortest]) && strings.Contains(text, end) {
				text = hiddenBefore(end, text, form)
			}
		}
	}
	return text
}

// hiddenBefore takes out what a secret begins with where a part of the text ends.
func hiddenBefore(end, text, form string) string {
	parts := strings.Split(text, end)
	for i := range parts[:len(parts)-1] {
		for size := len(form) - 1; size >= shortest; size-- {
			if kept, found := strings.CutSuffix(parts[i], form[:size]); found {
				parts[i] = kept + instead
				break
			}
		}
	}
	return strings.Join(parts, end)
}

// spellings are the forms in which secrets of a least length travel, the longest
// first: one may begin another.
func spellings(least int, secrets ...string) []string {
	var forms []string
	for _, secret := range secrets {
		if len(secret) >= least {
			forms = append(forms, spelt(secret)...)
		}
	}
	forms = slices.DeleteFunc(forms, func(form string) bool { return len(form) < shortest })
	slices.SortFunc(forms, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
	return slices.Compact(forms)
}

// spelt are the forms of one secret: as it is, as one line and in quotes, in an
// URL, in base64 wherever it stands in there, and in hex; in UTF-8 and in
// UTF-16.
func spelt(secret string) []string {
	quoted := strconv.Quote(secret)
	forms := []string{secret, strings.Join(strings.Fields(secret), " "), quoted[1 : len(quoted)-1], url.QueryEscape(secret), url.PathEscape(secret)}
	wide := []byte{}
	for _, unit := range utf16.Encode([]rune(secret)) {
		wide = binary.LittleEndian.AppendUint16(wide, unit)
	}
	for _, data := range [][]byte{[]byte(secret), wide} {
		digits := hex.EncodeToString(data)
		forms = append(forms, digits, strings.ToUpper(digits))
		for before := range 3 {
			// Each character holds six bits; those that it shares with what stands around are left out.
			text := base64.RawStdEncoding.EncodeToString(append(make([]byte, before), data...))
			text = text[(before*8+5)/6 : (before+len(data))*8/6]
			forms = append(forms, text, strings.NewReplacer("+", "-", "/", "_").Replace(text))
		}
	}
	return forms
}
