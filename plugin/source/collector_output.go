package source

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"

	"check_exchange_authcert/plugin/authcert"
	"check_exchange_authcert/plugin/clixml"
)

// maxCollected is the largest CLIXML document that is unpacked, in bytes: 800
// servers with ten certificates each. Read, it may take three times of it.
const maxCollected = 20 << 20

// localNonce is in the markers when the collector found no parameters on its
// standard input: in a scheduled task that is as it should be.
const localNonce = "local"

var (
	beginMark = pattern(`-----BEGIN AUTHCERT ([0-9a-z]{1,64})-----`)
	refusal   = pattern(`check_exchange_authcert refused: PowerShell ([0-9.]{1,20}), ([A-Za-z]{1,30})`)
	blanks    = strings.NewReplacer("\r", "", "\n", "", " ", "", "\t", "")
)

// collected finds the collector's answer in what powershell.exe wrote and
// returns its CLIXML. An answer to nonce is wanted; "" takes the last one there
// is, as from a file. Profiles, banners and other noise around it do no harm,
// nor does UTF-16, which a redirection within PowerShell makes of it. Errors
// are authcert.Problems; standard error serves to explain a missing answer.
func collected(stdout, stderr []byte, nonce string) ([]byte, error) {
	if bytes.IndexByte(stdout, 0) >= 0 {
		stdout = bytes.ReplaceAll(stdout, []byte{0}, nil) // the payload is ASCII
	}
	text := string(stdout)
	payload, err := framed(text, nonce)
	if errors.Is(err, errNoAnswer) {
		return nil, unanswered(text, stderr)
	}
	if err != nil {
		return nil, damaged(err)
	}
	zipped, err := base64.StdEncoding.DecodeString(blanks.Replace(payload))
	if err != nil {
		return nil, damaged(fmt.Errorf("it is not base64: %w", err))
	}
	document, err := unzip(zipped)
	if err != nil {
		return nil, damaged(err)
	}
	return document, nil
}

// isCollected recognises what the collector printed, an answer or a refusal. A
// snapshot in JSON may have the same words in it.
func isCollected(data []byte) bool {
	if bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")) {
		return false
	}
	text := bytes.ReplaceAll(data, []byte{0}, nil)
	return !bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")) && (beginMark().Match(text) || refusal().Match(text))
}

var errNoAnswer = errors.New("no answer")

// framed returns what stands between the last pair of markers with that nonce.
func framed(text, nonce string) (string, error) {
	marks := beginMark().FindAllStringSubmatchIndex(text, -1)
	if len(marks) == 0 {
		return "", errNoAnswer
	}
	for i := len(marks) - 1; i >= 0; i-- {
		found := text[marks[i][2]:marks[i][3]]
		if nonce != "" && found != nonce {
			continue
		}
		rest := text[marks[i][1]:]
		end := strings.Index(rest, "-----END AUTHCERT "+found+"-----")
		if end < 0 {
			return "", errors.New("it breaks off before its end")
		}
		return rest[:end], nil
	}
	if last := marks[len(marks)-1]; text[last[2]:last[3]] == localNonce {
		return "", errors.New("the collector ran without its parameters: they did not arrive on its standard input, or not whole")
	}
	return "", errors.New("it belongs to another request")
}

// unzip unpacks up to maxCollected bytes. It looks first how many there are: a
// few bytes may become many, and memory is taken for no more than is used.
func unzip(zipped []byte) ([]byte, error) {
	reader, err := gzip.NewReader(bytes.NewReader(zipped))
	if err != nil {
		return nil, fmt.Errorf("it is not gzip: %w", err)
	}
	size, err := io.Copy(io.Discard, io.LimitReader(reader, maxCollected+1))
	if err != nil {
		return nil, fmt.Errorf("it is not whole: %w", err)
	}
	if size > maxCollected {
		return nil, fmt.Errorf("unpacked, it is larger than %d MiB", maxCollected>>20)
	}
	document := make([]byte, size)
	if err = reader.Reset(bytes.NewReader(zipped)); err == nil {
		_, err = io.ReadFull(reader, document)
	}
	if err != nil {
		return nil, fmt.Errorf("it is not whole: %w", err)
	}
	return document, nil
}

const hintByHand = "Run the collector by hand on that host and see what it prints: check_exchange_authcert --print collector"

func damaged(err error) error {
	return &authcert.Problem{Stage: stageCollector, Reason: authcert.Malformed, Message: fmt.Sprintf("the collector's answer cannot be read: %v", err), Hint: hintByHand}
}

// unanswered says why there is no answer: the script refuses where it could
// not work, and PowerShell or Windows explain themselves on standard error.
func unanswered(text string, stderr []byte) error {
	problem := &authcert.Problem{Stage: stageCollector, Reason: authcert.Unsupported}
	switch found := refusal().FindStringSubmatch(text); {
	case found == nil:
		problem.Reason = authcert.Malformed
		problem.Message = "the collector gave no answer"
		problem.Hint = hintByHand
		if said := firstWords(clixml.ErrorText(stderr)); said != "" {
			problem.Message += "; PowerShell says: " + said
		}
	case found[2] != "FullLanguage":
		problem.Message = fmt.Sprintf("PowerShell runs in %s on that host, the collector needs FullLanguage", found[2])
		problem.Hint = "Ask with --via exchange, or allow the collector in the application control policy (WDAC, AppLocker)"
	default:
		problem.Message = fmt.Sprintf("that host has Windows PowerShell %s, the collector needs 5.1", found[1])
		problem.Hint = "Ask with --via exchange, or install Windows Management Framework 5.1"
	}
	return problem
}

// firstWords makes one line of at most 300 characters of an error text.
func firstWords(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.IsSpace(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD"))
	words := []rune(strings.Join(strings.Fields(text), " "))
	if len(words) > 300 {
		return string(words[:300]) + "…"
	}
	return string(words)
}
