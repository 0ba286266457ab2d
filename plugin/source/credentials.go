package source

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"strings"

	"check_exchange_authcert/plugin/authcert"
	"check_exchange_authcert/plugin/wsman"
)

// Credentials are one account's. They do not show their password when printed.
type Credentials struct {
	Username string // "user@REALM", "DOMAIN\user" or a bare name
	Domain   string // if Username does not say it
	password string
}

// NewCredentials makes credentials of what the environment or a command line
// gave.
func NewCredentials(username, domain, password string) Credentials {
	return Credentials{Username: username, Domain: domain, password: password}
}

// Format prints the account's name for every verb.
func (c Credentials) Format(f fmt.State, _ rune) { fmt.Fprint(f, c.account()) }

// HasPassword tells whether there is one.
func (c Credentials) HasPassword() bool { return c.password != "" }

// Secret is the password for a conversation.
func (c Credentials) Secret() wsman.Secret { return wsman.NewSecret(c.password) }

// account is the name with its domain, as Windows takes it.
func (c Credentials) account() string {
	if c.Domain == "" || strings.ContainsAny(c.Username, `@\`) {
		return c.Username
	}
	return c.Domain + `\` + c.Username
}

// maxCredentials is the largest credentials file that is read, in bytes.
const maxCredentials = 64 << 10

// ReadCredentials reads a file in Samba's form: lines "username = …",
// "password = …" and "domain = …", comments begin with # or ;. A file that
// others than its owner and group may read, or that is no regular file, is
// refused.
func ReadCredentials(path string) (Credentials, error) {
	data, err := wsman.ReadPrivate(path, maxCredentials)
	if err != nil {
		return Credentials{}, credentialsProblem(path, err)
	}
	found, err := parseCredentials(data)
	if err != nil {
		return Credentials{}, credentialsProblem(path, err)
	}
	return found, nil
}

func credentialsProblem(path string, err error) *authcert.Problem {
	problem := fileProblem(path, err)
	problem.Stage = "reading the credentials"
	problem.Hint = "The file has the lines username = …, password = … and, if need be, domain = …, and mode 0600"
	return problem
}

// parseCredentials reads the file's text. Errors name lines, never what is in
// them.
func parseCredentials(data []byte) (Credentials, error) {
	var found Credentials
	lines := bufio.NewScanner(bytes.NewReader(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))))
	for number := 1; lines.Scan(); number++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") || strings.HasPrefix(line, ";") {
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		value = strings.TrimSpace(value)
		switch key = strings.ToLower(strings.TrimSpace(key)); {
		case !ok:
			return Credentials{}, fmt.Errorf("line %d is no \"key = value\"", number)
		case key == "username":
			found.Username = value
		case key == "password":
			found.password = value
		case key == "domain":
			found.Domain = value
		default:
			return Credentials{}, fmt.Errorf("line %d has an unknown key; known are username, password and domain", number)
		}
	}
	if err := lines.Err(); err != nil {
		return Credentials{}, errors.New("a line is too long")
	}
	if found.Username == "" {
		return Credentials{}, errors.New("it has no username")
	}
	return found, nil
}
