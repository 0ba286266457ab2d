package psrp

import (
	"slices"
	"strings"

	"check_exchange_authcert/plugin/clixml"
)

// ErrorRecord is what PowerShell tells of an error. Message comes in the server's language, the rest does not.
type ErrorRecord struct {
	Message  string
	ID       string      // FullyQualifiedErrorId
	Category string      // "ObjectNotFound"
	Reason   string      // the exception's type without its namespace: "CommandNotFoundException"
	Activity string      // the command: "Get-AuthConfig"
	Target   string      // what it was about, as far as the server told
	Causes   []Exception // the exception, the one in it, and so on
}

// Exception is one exception of an error.
type Exception struct {
	Types   []string // full names, most derived first
	Message string
	HResult int32
	// Code is the number that exceptions of Windows' own interfaces carry besides HResult (ErrorCode,
	// NativeErrorCode), and Detail the name of a socket's error; 0 and "" where there is none.
	Code   int32
	Detail string
}

// maxCauses bounds a chain of exceptions.
const maxCauses = 8

// categories are the names of ErrorCategory ([MS-PSRP] 2.2.3.9).
var categories = []string{
	"NotSpecified", "OpenError", "CloseError", "DeviceError", "DeadlockDetected", "InvalidArgument", "InvalidData", "InvalidOperation",
	"InvalidResult", "InvalidType", "MetadataError", "NotImplemented", "NotInstalled", "ObjectNotFound", "OperationStopped", "OperationTimeout",
	"SyntaxError", "ParserError", "PermissionDenied", "ResourceBusy", "ResourceExists", "ResourceUnavailable", "ReadError", "WriteError",
	"FromStdErr", "SecurityError", "ProtocolError", "ConnectionError", "AuthenticationError", "LimitsExceeded", "QuotaExceeded", "NotEnabled",
}

func newErrorRecord(o *clixml.Object) *ErrorRecord {
	text := func(name string) string {
		s, _ := o.Property(name).Str()
		return s
	}
	e := &ErrorRecord{
		Message: text("ErrorDetails_Message"), ID: text("FullyQualifiedErrorId"), Reason: text("ErrorCategory_Reason"),
		Activity: text("ErrorCategory_Activity"), Target: text("ErrorCategory_TargetName"),
	}
	if n, ok := o.Property("ErrorCategory_Category").Int(); ok && n >= 0 && n < int64(len(categories)) {
		e.Category = categories[n]
	}
	for cause := o.Property("Exception"); !cause.IsNil() && len(e.Causes) < maxCauses; cause = cause.Property("InnerException") {
		e.Causes = append(e.Causes, newException(cause))
	}
	if e.Message == "" && len(e.Causes) > 0 {
		e.Message = e.Causes[0].Message
	}
	if e.Message == "" {
		e.Message = o.Text
	}
	return e
}

func newException(o *clixml.Object) Exception {
	number := func(names ...string) int32 {
		for _, name := range names {
			if n, ok := o.Property(name).Int(); ok {
				return int32(n)
			}
		}
		return 0
	}
	e := Exception{Types: slices.Clone(o.TypeNames), HResult: number("HResult"), Code: number("NativeErrorCode", "ErrorCode")}
	for i, name := range e.Types {
		e.Types[i] = strings.TrimPrefix(name, "Deserialized.")
	}
	e.Message, _ = o.Property("Message").Str()
	e.Detail, _ = o.Property("SocketErrorCode").Str()
	return e
}
