package source_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"sync"
	"testing"

	"check_exchange_authcert/plugin/wsman/wsmantest"
)

// spoiledAnswer is what arrives of the collector's answer as a whole and is of no use.
func spoiledAnswer(t testing.TB, f fault, nonce, kind string) []byte {
	whole := answer(t, nonce, soundFacts(kind))
	switch f {
	case truncated:
		return whole[:len(whole)/2]
	case garbled:
		return noise
	case wrongType:
		return answer(t, nonce, dictionary{{"schema", "one"}, {"servers", 7}})
	case wrongEncoding:
		return framedAnswer(nonce, []byte("this was never compressed"))
	case empty:
		return answer(t, nonce, dictionary{})
	case oversized:
		return framedAnswer(nonce, bomb())
	case crowded:
		return framedAnswer(nonce, zipped(clixmlText.crowd(12<<20)))
	case endless:
		return flood
	}
	return whole
}

// framedAnswer puts the collector's marks around something.
func framedAnswer(nonce string, payload []byte) []byte {
	mark := "AUTHCERT " + nonce + "-----\r\n"
	return []byte("\r\n-----BEGIN " + mark + base64.StdEncoding.EncodeToString(payload) + "\r\n-----END " + mark)
}

// bomb is small, and 100 MiB when it is unpacked.
var bomb = sync.OnceValue(func() []byte { return zipped(flood, flood[:36<<20]) })

func zipped(pieces ...[]byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	for _, piece := range pieces {
		_, _ = w.Write(piece)
	}
	_ = w.Close()
	return b.Bytes()
}

// spoiledObjects are what a cmdlet's stream brings as a whole and is of no use.
func spoiledObjects(f fault) wsmantest.CmdletResult {
	whole := message(0x00041004, "<S>x</S>")
	switch f {
	case truncated:
		return wsmantest.CmdletResult{Raw: whole[:40]}
	case garbled:
		return wsmantest.CmdletResult{Raw: noise}
	case wrongType:
		return outputs(object("AuthConfig", `<I32 N="CurrentCertificateThumbprint">7</I32>`, ""))
	case wrongEncoding:
		return outputs(string(utf16Text([]byte("<S>x</S>"))))
	case empty:
		return wsmantest.CmdletResult{}
	case oversized: // a fragment of 50 MB is announced
		return wsmantest.CmdletResult{Raw: append(whole[:17:17], 0x03, 0, 0, 0)}
	case endless:
		return wsmantest.CmdletResult{Endless: true, Output: []string{certificate(string(bytes.Repeat([]byte("x"), 200<<10)), "ex01")}}
	}
	return wsmantest.CmdletResult{}
}
