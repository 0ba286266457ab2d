package wsman

import (
	"context"
	"encoding/base64"
)

// basic sends user and password with every message; check has made sure that this happens over verified TLS only.
type basic struct{ target *target }

func (basic) logon(context.Context, *link) (sealer, error) { return nil, nil }

func basicHeader(t *target) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(t.Username+":"+t.Password.value()))
}
