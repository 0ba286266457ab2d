package authcert

import (
	"fmt"
	"strings"
)

// frontEndPort is where clients and partners connect.
const frontEndPort = 443

// frontEndCert is a certificate that port 443 serves.
type frontEndCert struct {
	*x509Cert
	on      []*server
	foreign []*server // of these, those whose store was read and does not hold it
}

// frontEnd lists what port 443 serves, each certificate once.
func (f *facts) frontEnd() []*frontEndCert {
	var all []*frontEndCert
	index := map[Thumbprint]*frontEndCert{}
	for _, s := range f.servers {
		seen := map[Thumbprint]bool{}
		for _, served := range s.Served {
			if served.Port != frontEndPort || len(served.RawData) == 0 || f.unread(served) != "" {
				continue
			}
			cert := f.certs.parse(served.RawData)
			if seen[cert.thumbprint] {
				continue
			}
			seen[cert.thumbprint] = true
			entry := index[cert.thumbprint]
			if entry == nil {
				entry = &frontEndCert{x509Cert: cert}
				index[cert.thumbprint] = entry
				all = append(all, entry)
			}
			entry.on = append(entry.on, s)
			if s.complete && s.on(cert.thumbprint) == nil {
				entry.foreign = append(entry.foreign, s)
			}
		}
	}
	return all
}

// frontEndNotes tell what is odd about the certificates on port 443. They are
// the clients' to judge and none of the Auth Certificate's business, so that
// they are worth a note and no finding.
func (f *facts) frontEndNotes(add func(string, ...any)) {
	for _, cert := range f.frontEnd() {
		var odd []string
		if cert.expired(f.now) {
			odd = append(odd, fmt.Sprintf("it expired %s ago, on %s, and clients refuse it", between(cert.NotAfter, f.now), At(cert.NotAfter)))
		}
		if len(cert.foreign) > 0 {
			where := "there"
			if len(cert.foreign) < len(cert.on) {
				where = "on " + enumerate(names(cert.foreign), 3)
			}
			odd = append(odd, fmt.Sprintf("it is not installed %s: a load balancer or proxy may answer instead", where))
		}
		if len(odd) > 0 {
			add("port 443 of %s serves %s (%s): %s; this is not judged", enumerate(names(cert.on), 3), cert.subject, cert.thumbprint.Short(), strings.Join(odd, "; "))
		}
	}
}
