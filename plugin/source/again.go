package source

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"check_exchange_authcert/plugin/authcert"
)

// What a snapshot holds may be read again. A failed read then replaces nothing.
// An answer of now replaces an earlier one, for it was asked for; a note says
// what the earlier one was, if it was another. Served certificates are kept
// side by side instead: see mergeServed.

// mergePublished puts a document that is known and one that was just read
// together.
func mergePublished(known, found *authcert.Published) (believed *authcert.Published, note string) {
	switch {
	case !known.Told():
		return found, ""
	case !found.Told():
		return known, readInVain(found.Why())
	case known.HTTPStatus == found.HTTPStatus && slices.Equal(known.Thumbprints, found.Thumbprints):
		return found, ""
	case known.HTTPStatus != http.StatusOK:
		return found, readAgain(fmt.Sprintf("it answered HTTP %d before", known.HTTPStatus))
	}
	return found, readAgain(fmt.Sprintf("it named %s before", shortNames(known.Thumbprints)))
}

// mergeEntra puts what Entra ID is known to trust and what it just said
// together; found is nil when there was a problem.
func mergeEntra(known, found *authcert.Entra, problem *authcert.Problem) (believed *authcert.Entra, note string) {
	switch {
	case known == nil || known.KeyCredentials == nil:
		return found, ""
	case found == nil:
		return known, readInVain(problem.Error())
	case sameEntra(known, found):
		return found, ""
	}
	var names []authcert.Thumbprint
	for _, credential := range known.KeyCredentials {
		names = append(names, credential.Thumbprint)
	}
	slices.Sort(names)
	return found, readAgain(fmt.Sprintf("before it was %s with %s", known.Application, shortNames(names)))
}

// sameEntra tells whether two answers say the same, in whatever order.
func sameEntra(a, b *authcert.Entra) bool {
	ordered := func(e *authcert.Entra) []string {
		var all []string
		for _, credential := range e.KeyCredentials {
			all = append(all, string(credential.Thumbprint)+" "+credential.EndDateTime.String())
		}
		slices.Sort(all)
		return all
	}
	return a.Application == b.Application && a.Shared == b.Shared && slices.Equal(ordered(a), ordered(b))
}

// retell notes what reading something again came to, in the place of what an
// earlier time came to.
func retell(snap *authcert.Snapshot, subject, note string) {
	snap.Notes = slices.DeleteFunc(snap.Notes, func(known string) bool { return strings.HasPrefix(known, subject+" was read again") })
	if note != "" {
		snap.Notes = append(snap.Notes, subject+" "+note)
	}
}

func readInVain(why string) string {
	return "was read again in vain (" + why + "): what was known before is judged"
}

func readAgain(before string) string {
	return "was read again: " + before + "; what was read now is judged"
}

// shortNames lists certificates for people.
func shortNames(thumbprints []authcert.Thumbprint) string {
	if len(thumbprints) == 0 {
		return "no certificate"
	}
	names := make([]string, len(thumbprints))
	for i, thumbprint := range thumbprints {
		names[i] = cmp.Or(thumbprint.Short(), "one that is not known by thumbprint")
	}
	return strings.Join(names, ", ")
}
