package authcert

import (
	"fmt"
	"net/http"
)

// withoutStores tells whether nobody asked for the servers' stores:
// certificates are then known from metadata documents alone.
func (f *facts) withoutStores() bool {
	return f.Origin.Kind == KindPublished || f.Origin.Kind == KindLDAP
}

// stores counts the servers whose store was read whole.
func (f *facts) stores() int {
	n := 0
	for _, s := range f.servers {
		if s.complete {
			n++
		}
	}
	return n
}

// takePublished takes what a server publishes for what it has, as long as its
// store was not read: a certificate is published only while it and its private
// key are there, or were up to 12 hours ago.
func (f *facts) takePublished(s *server) {
	p := s.Published
	if p == nil || len(s.installed) > 0 || s.malformed > 0 {
		return
	}
	for _, der := range p.Certificates {
		f.addCertificate(s, &Certificate{RawData: der, HasPrivateKey: new(true)})
	}
	s.told = f.withoutStores() && s.Error == nil && p.HTTPStatus == http.StatusOK && p.Error == nil &&
		s.malformed == 0 && len(p.Certificates) == len(p.Thumbprints)
}

// answersError tells whether all that is known of a server is that its
// document fails: a finding of its own says so.
func (f *facts) answersError(s *server) bool {
	return f.withoutStores() && s.Error == nil && s.Published != nil && s.Published.HTTPStatus == http.StatusInternalServerError
}

// locatePublished finds the current certificate without AuthConfig. It comes
// first in the document, then the previous one; what a server shows in the
// second place has been replaced, and a server that still shows it first is
// behind. Among the others the one that most servers show is current, and the
// one that ends first when as many show another.
func (f *facts) locatePublished() {
	shown, replaced := map[Thumbprint]int{}, map[Thumbprint]bool{}
	var first []*installed
	for _, s := range f.servers {
		if len(s.installed) == 0 {
			continue
		}
		first = append(first, s.installed[0])
		shown[s.installed[0].thumbprint]++
		for _, cert := range s.installed[1:] {
			replaced[cert.thumbprint] = true
		}
	}
	var best *installed
	for _, cert := range first {
		if best == nil || cert.likelier(best, shown, replaced) {
			best = cert
		}
	}
	if best == nil {
		return
	}
	f.current = f.locate("current", best.thumbprint)
	for _, s := range f.current.holders {
		if s.installed[0].thumbprint == best.thumbprint && len(s.installed) > 1 {
			f.previous = f.locate("previous", s.installed[1].thumbprint)
		}
	}
}

func (cert *installed) likelier(than *installed, shown map[Thumbprint]int, replaced map[Thumbprint]bool) bool {
	a, b := cert.thumbprint, than.thumbprint
	switch {
	case replaced[a] != replaced[b]:
		return replaced[b]
	case shown[a] != shown[b]:
		return shown[a] > shown[b]
	}
	return cert.NotAfter.Before(than.NotAfter)
}

// currentLeftOut finds the current certificate expired where nobody showed it:
// Exchange leaves an expired one out of the document.
func (f *facts) currentLeftOut() []Finding {
	unnamed := f.current.thumbprint == ""
	switch {
	case f.AuthConfig == nil && (!unnamed || !f.withoutStores()), f.AuthConfig != nil && unnamed, f.changedWithin(publishedCache):
		return nil
	}
	without := f.leavingOut()
	if len(without) == 0 {
		return nil
	}
	brief := "no server publishes an Auth Certificate"
	message := fmt.Sprintf("%s: the current one has expired, or will within hours, or none is configured: %s", brief, breaks)
	if f.AuthConfig != nil {
		brief = f.current.name() + " has expired"
		message = fmt.Sprintf("%s, or will within hours: %s of %s leaves it out: %s", brief, "the metadata document", enumerate(names(without), 3), breaks)
	}
	return []Finding{newFinding(Critical, brief, message, f.takeOver()...).about(f.current.thumbprint).blocking(Expiry)}
}

// leavingOut lists the servers whose document holds no certificate, or begins
// with the previous one.
func (f *facts) leavingOut() []*server {
	var without []*server
	for _, s := range f.servers {
		p := s.Published
		if p == nil || p.HTTPStatus != http.StatusOK || p.unread() {
			continue
		}
		if len(p.Thumbprints) == 0 || p.Thumbprints[0] == f.previous.thumbprint {
			without = append(without, s)
		}
	}
	return without
}

// namedBy says why a certificate counts as current.
func (f *facts) namedBy() string {
	if f.AuthConfig == nil {
		return "and other servers " + f.current.thumbprint.Short()
	}
	return fmt.Sprintf("AuthConfig names %s as current", f.current.thumbprint.Short())
}

// publishedNotes say what cannot be known of documents alone.
func (f *facts) publishedNotes(add func(string, ...any)) {
	unverified := 0
	for _, s := range f.servers {
		if p := s.Published; p != nil && known(p.TLSVerified, false) {
			unverified++
		}
	}
	if unverified > 0 {
		add("published metadata of %s was read without verifying who answers; --ca-file does", plural(unverified, "server"))
	}
	if !f.withoutStores() {
		return
	}
	if f.AuthConfig == nil && f.Origin.Kind == KindPublished {
		add("AuthConfig was not read: what servers publish first counts as current (it may be the previous one when that has expired); the next certificate, its date and servers that were not named are not known")
	}
	add("the servers' stores were not read: whether the next certificate is there, and the other self-signed certificates, are not known; a document may be 12 hours old")
}
