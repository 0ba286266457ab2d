package source

import (
	"fmt"
	"io"
	"net/http"

	"check_exchange_authcert/plugin/authcert"
)

// What an answer of Entra ID or Graph may hold: hundreds of certificates, with
// 3 KiB and 17 values and names each.
const (
	maxGraph  = 2 << 20 // bytes
	mostGraph = 20_000  // values and names
)

// shortAnswers cuts answers off at these limits: the library for Entra ID reads
// them whole.
type shortAnswers struct{ http.RoundTripper }

// RoundTrip limits the body of the answer.
func (s shortAnswers) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := s.RoundTripper.RoundTrip(request)
	if err == nil {
		response.Body = &fewParts{http.MaxBytesReader(nil, response.Body, maxGraph), mostGraph}
	}
	return response, err
}

// CloseIdleConnections is what http.Client asks its transport for.
func (s shortAnswers) CloseIdleConnections() {
	if transport, closes := s.RoundTripper.(interface{ CloseIdleConnections() }); closes {
		transport.CloseIdleConnections()
	}
}

// fewParts reads JSON of so many values and names.
type fewParts struct {
	io.ReadCloser
	left int
}

var errManyValues = fmt.Errorf("the answer holds more than %d values and names", mostGraph)

func (f *fewParts) Read(p []byte) (int, error) {
	n, err := f.ReadCloser.Read(p)
	if f.left -= authcert.JSONParts(p[:n]); f.left < 0 {
		return 0, errManyValues
	}
	return n, err
}
