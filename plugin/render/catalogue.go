package render

import (
	"fmt"
	"io"

	"check_exchange_authcert/plugin/authcert"
)

// Catalogue writes every finding that the check knows as a Markdown table.
func Catalogue(w io.Writer, rules []authcert.Rule) error {
	if _, err := fmt.Fprint(w, "| finding | facet | when | state | what to do |\n|---|---|---|---|---|\n"); err != nil {
		return err
	}
	for _, r := range rules {
		if _, err := fmt.Fprintf(w, "| [`%s`](%s) | %s | %s | %s | %s |\n", r.ID, r.Reference, r.Facet, r.Title, r.State, r.Remedy); err != nil {
			return err
		}
	}
	return nil
}
