package render

import (
	"encoding/json"
	"io"

	"check_exchange_authcert/plugin/authcert"
)

// JSON writes the whole result, indented. Characters that are markup in HTML
// are escaped.
func JSON(w io.Writer, result authcert.Result) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(result)
}
