module check_exchange_authcert

go 1.26

// Windows has made certificates with negative serial numbers; they are to be
// judged, not to stop the check.
godebug x509negativeserial=1

require github.com/google/go-cmp v0.7.0
