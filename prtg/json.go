package prtg

import (
	"encoding/json"
	"io"
	"math"

	"check_exchange_authcert/plugin/authcert"
)

// answer is what a Script v2 sensor reads, in version 2 of its schema.
type answer struct {
	Version  int       `json:"version"`
	Status   string    `json:"status"` // "ok", "warning" or "error"
	Message  string    `json:"message"`
	Channels []channel `json:"channels,omitempty"`
}

type channel struct {
	ID          int    `json:"id"`
	Name        string `json:"name"`
	Type        string `json:"type"` // "integer" or "lookup"
	Value       int64  `json:"value"`
	Kind        string `json:"kind,omitempty"` // "count", or "custom" with a unit
	DisplayUnit string `json:"display_unit,omitempty"`
	LookupName  string `json:"lookup_name,omitempty"`
}

// states are the sensor's for the status's exit code, as the lookup has them.
var states = [...]string{"ok", "warning", "error", "warning"}

// JSON writes the answer of a Script v2 sensor. It follows the thresholds by
// its status; version 2 of the schema has no limits.
func JSON(w io.Writer, result authcert.Result) error {
	a := answer{Version: 2, Status: states[result.Status.Code()], Message: text(result)}
	if judgedNothing(result) {
		a.Status = "error"
	} else {
		a.Channels = numbered(result)
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", " ")
	return encoder.Encode(a)
}

// numbered are the channels of this scan; a number belongs to a name for good.
func numbered(result authcert.Result) []channel {
	all := []channel{{ID: firstID, Name: statusChannel, Type: "lookup", Value: int64(result.Status.Code()), LookupName: lookupID}}
	for i, c := range channels {
		metric, known := measured(result, c.metric)
		if !known {
			continue
		}
		numbered := channel{ID: firstID + 1 + i, Name: c.name, Type: "integer", Value: int64(math.Round(metric.Value)), Kind: "count"}
		if c.unit != "" {
			numbered.Kind, numbered.DisplayUnit = "custom", c.unit
		}
		all = append(all, numbered)
	}
	return all
}
