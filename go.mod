module check_exchange_authcert

go 1.26

// Windows has made certificates with negative serial numbers; they are to be
// judged, not to stop the check.
godebug x509negativeserial=1

require (
	github.com/alecthomas/kong v1.17.0
	github.com/atc0005/go-nagios v0.20.0
	github.com/google/go-cmp v0.7.0
)
