package render

import (
	"bytes"
	"io"
	"math"
	"strconv"

	"github.com/atc0005/go-nagios"

	"check_exchange_authcert/plugin/authcert"
)

// Nagios writes the answer of a Nagios or Icinga plugin: one line, the
// findings with their remedies, performance data. verbosity 0 keeps it under
// 4 KB, 1 adds tables, 2 cuts nothing that a monitoring system can take.
//
// The library prints; the state, the thresholds and the sections are ours.
func Nagios(w io.Writer, result authcert.Result, verbosity int) error {
	var out bytes.Buffer
	p := nagios.Plugin{
		ServiceOutput:     clean(result.Status.String() + " - " + result.Summary),
		LongServiceOutput: report(result, verbosity),
		ExitStatusCode:    result.StatusCode,
	}
	p.SkipOSExit()
	p.SetOutputTarget(&out)
	p.HideThresholdsSection()
	p.HideErrorsSection()
	for _, metric := range result.Metrics {
		if err := p.AddPerfData(false, perfData(metric)); err != nil {
			return err
		}
	}
	p.ReturnCheckResults()
	_, err := out.WriteTo(w)
	return err
}

func perfData(m authcert.Metric) nagios.PerformanceData {
	return nagios.PerformanceData{
		Label: m.Name, Value: number(m.Value), UnitOfMeasurement: m.Unit,
		Warn: threshold(m.Warning), Crit: threshold(m.Critical),
	}
}

func threshold(r *authcert.Range) string {
	if r == nil {
		return ""
	}
	return r.String()
}

// number writes a value with at most three decimals and no exponent.
func number(value float64) string {
	return strconv.FormatFloat(math.Round(value*1000)/1000, 'f', -1, 64)
}
