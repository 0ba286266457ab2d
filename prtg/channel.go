package prtg

import (
	_ "embed"
	"math"
	"strconv"
	"strings"

	"check_exchange_authcert/plugin/authcert"
)

// Lookup is the file for "lookups\custom" on the PRTG core server: the Status
// channel's values, and the state of the sensor that each means.
//
//go:embed prtg.customlookups.exchange.authcert.status.ovl
var Lookup string

const lookupID = "prtg.customlookups.exchange.authcert.status"

const daysUnit = "days"

// channels are all that a sensor can have after Status, which is the first and
// thereby the primary one. The order makes the numbers of Script v2: append
// only.
var channels = []struct {
	name, metric string
	unit         string // "" is a count
}{
	{"Current certificate: days left", "current_days", daysUnit},
	{"Next certificate: days left", "next_days", daysUnit},
	{"Shortest self-signed certificate: days left", "selfsigned_days", daysUnit},
	{"Servers", "servers", ""},
	{"Servers unreadable", "servers_unreadable", ""},
	{"Servers without current certificate", "servers_without_current", ""},
	{"Servers without next certificate", "servers_without_next", ""},
	{"Findings: critical", "findings_critical", ""},
	{"Findings: warning", "findings_warning", ""},
	{"Findings: unknown", "findings_unknown", ""},
}

// statusChannel is the name of the channel that the lookup colours.
const statusChannel = "Status"

// firstID is the lowest channel number that Script v2 accepts.
const firstID = 10

// measured finds a metric. What was not measured has no channel in this scan:
// PRTG keeps the last value, where 0 would be a lie.
func measured(result authcert.Result, name string) (authcert.Metric, bool) {
	for _, metric := range result.Metrics {
		if metric.Name == name {
			return metric, true
		}
	}
	return authcert.Metric{}, false
}

// judgedNothing tells whether there is no fact behind the result: then the
// sensor is in error, and its channels keep their values.
func judgedNothing(result authcert.Result) bool {
	if result.Failure != nil {
		return true
	}
	for _, server := range result.Servers {
		if server.Readable || server.Certificates > 0 {
			return false
		}
	}
	return result.Status == authcert.Unknown && result.AuthConfig == nil
}

// minimum is the n of a range "n:", the only kind that a channel's lower limit
// can express, in whole days.
func minimum(r *authcert.Range) *int {
	if r == nil {
		return nil
	}
	number, isMinimum := strings.CutSuffix(r.String(), ":")
	n, err := strconv.Atoi(number)
	if !isMinimum || err != nil || n > math.MaxInt32 || n < math.MinInt32 {
		return nil
	}
	return &n
}
