package source

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/go-ldap/ldap/v3"

	"check_exchange_authcert/plugin/authcert"
	"check_exchange_authcert/plugin/wsman"
)

// errNotLDAP is an answer that breaks the protocol.
var errNotLDAP = errors.New("the answer is not LDAP")

// notLDAP tells bytes that are no LDAP from a connection that failed.
func notLDAP(err error) error {
	var network net.Error
	if errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, errTooMuch) {
		return err
	}
	return errNotLDAP // the library's text repeats what was received
}

// problem names the domain controller and what was being done, and maps the
// cause to a reason. Nothing that the server wrote is repeated.
func (d *directory) problem(doing string, err error) *authcert.Problem {
	problem := &authcert.Problem{}
	var own *authcert.Problem
	switch logon := (*wsman.Error)(nil); {
	case errors.As(err, &own):
		return own
	case errors.As(err, &logon):
		problem = &authcert.Problem{Reason: authcert.Reason(logon.Reason), Message: logon.Err.Error(), Hint: logon.Hint}
	case d.ctx.Err() != nil, isTimeout(err): // a dialer may see the deadline before the context does
		problem = &authcert.Problem{Reason: authcert.Timeout, Message: "no answer in time", Hint: "Give more time with --timeout, or name another domain controller"}
	case d.wire != nil && d.wire.failed != nil:
		problem = &authcert.Problem{Reason: authcert.Malformed, Message: d.wire.failed.Error(), Hint: "See that this is a domain controller"}
	default:
		d.explain(problem, err)
	}
	problem.Stage = fmt.Sprintf("Active Directory (%s): %s", d.name, doing)
	return problem
}

// explain maps what the network, TLS and LDAP say.
func (d *directory) explain(problem *authcert.Problem, err error) {
	var result *ldap.Error
	var untrusted *tls.CertificateVerificationError
	var notTLS tls.RecordHeaderError
	problem.Reason, problem.Message, problem.Hint = authcert.Unreachable, "the connection was lost", "See that this is a domain controller, and that host and port are right"
	var network net.Error
	switch {
	case errors.As(err, &untrusted):
		problem.Message = fmt.Sprintf("its certificate is not trusted: %v", untrusted.Err)
		problem.Hint = "Name the CA with --ca-file, or the name in the certificate with --tls-server-name"
	case errors.As(err, &notTLS):
		problem.Reason, problem.Message, problem.Hint = authcert.Malformed, "it does not speak TLS", "See that the port is right: 636 with ldaps://, 389 with ldap://"
	case errors.Is(err, errNotLDAP), ldap.IsErrorAnyOf(err, ldap.ErrorUnexpectedMessage, ldap.ErrorUnexpectedResponse, ldap.ErrorMalformedPacket):
		problem.Reason, problem.Message = authcert.Malformed, errNotLDAP.Error()
	case errors.As(err, &result) && (result.ResultCode < ldap.ErrorNetwork || result.ResultCode > ldap.ErrorMalformedPacket): // not one of the library's own
		explainResult(problem, result)
	case errors.As(err, &network):
		problem.Message, problem.Hint = err.Error(), "See that host, port and firewall are right"
	}
}

// ldapResult is a result code in words.
type ldapResult struct {
	reason authcert.Reason
	text   string
	hint   string
}

// ldapResults are the codes of RFC 4511 4.1.9 that people meet.
var ldapResults = map[uint16]ldapResult{
	ldap.LDAPResultOperationsError:             {authcert.AccessDenied, "it does not answer whoever is not logged on", ""},
	ldap.LDAPResultTimeLimitExceeded:           {authcert.Timeout, "it took longer than its own limit", ""},
	ldap.LDAPResultSizeLimitExceeded:           {authcert.Throttled, "there is more than it answers at once", ""},
	ldap.LDAPResultAuthMethodNotSupported:      {authcert.Unsupported, "it does not know this way to log on", "Try another --auth"},
	ldap.LDAPResultStrongAuthRequired:          {authcert.Unsupported, "it wants messages to be signed, or TLS", "Use ldaps://, or Kerberos over ldap://"},
	ldap.LDAPResultReferral:                    {authcert.NotFound, "it refers to another server, and that is not followed", "Name a domain controller of the forest that Exchange is in"},
	ldap.LDAPResultAdminLimitExceeded:          {authcert.Throttled, "the request is beyond its administrative limits", "Ask another domain controller"},
	ldap.LDAPResultConfidentialityRequired:     {authcert.Unsupported, "it wants TLS", "Use ldaps://"},
	ldap.LDAPResultNoSuchObject:                {authcert.NotFound, "not found or no permission to read it", "See that Exchange is in this forest, and what the account may read"},
	ldap.LDAPResultInappropriateAuthentication: {authcert.Unsupported, "it does not take this way to log on from this account", "Try another --auth"},
	ldap.LDAPResultInvalidCredentials:          {authcert.AccessDenied, "wrong user or password", "Check them; they are not tried again, so that the account is not locked"},
	ldap.LDAPResultInsufficientAccessRights:    {authcert.AccessDenied, "the account has no right to that", "Every domain account may read the configuration partition by default: see what was taken away"},
	ldap.LDAPResultBusy:                        {authcert.Throttled, "it is busy", "Ask another domain controller, or less often"},
	ldap.LDAPResultUnavailable:                 {authcert.Unreachable, "it is shutting down or starting", "Name another domain controller too"},
	ldap.LDAPResultUnwillingToPerform:          {authcert.Unsupported, "it is not willing to do that", "Try another --auth, or ldaps://"},
}

// bindData are the reasons that Active Directory gives with a refused bind, as
// "data 52e": Windows error codes.
var bindData = map[string]ldapResult{
	"525":      {authcert.AccessDenied, "no such user", "Check the user's name"},
	"52e":      {authcert.AccessDenied, "wrong user or password", "Check them; they are not tried again, so that the account is not locked"},
	"530":      {authcert.AccessDenied, "the account may not log on at this hour", "See the account's logon hours"},
	"531":      {authcert.AccessDenied, "the account may not log on from this computer", "See the workstations that the account may log on to"},
	"532":      {authcert.AccessDenied, "the password has expired", "Set a new one"},
	"533":      {authcert.AccessDenied, "the account is disabled", "Enable it"},
	"701":      {authcert.AccessDenied, "the account has expired", "Extend it"},
	"773":      {authcert.AccessDenied, "the password has to be changed at the next logon", "Change it, and do not require that of this account"},
	"775":      {authcert.AccessDenied, "the account is locked", "Unlock it, and look for what locked it"},
	"80090346": {authcert.AccessDenied, "it refused the channel bindings", "See that nothing between here and the domain controller opens the TLS connection"},
}

// bindCode finds the code in the server's text; "80090346" stands in place of
// "data" when channel bindings do not match.
var bindCode = pattern(`\bdata ([0-9a-f]{1,8})\b`)

func explainResult(problem *authcert.Problem, result *ldap.Error) {
	known, ok := ldapResults[result.ResultCode]
	if !ok {
		known = ldapResult{authcert.Unreadable, "it refused", "See what the domain controller's Directory Service event log says"}
	}
	code := ""
	if result.ResultCode == ldap.LDAPResultInvalidCredentials && result.Err != nil {
		if m := bindCode().FindStringSubmatch(result.Err.Error()); m != nil {
			if data, ok := bindData[m[1]]; ok {
				known, code = data, ", "+m[1]
			}
		}
	}
	problem.Reason, problem.Hint = known.reason, known.hint
	problem.Message = fmt.Sprintf("%s (LDAP result %d%s)", known.text, result.ResultCode, code)
}
