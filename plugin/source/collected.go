package source

import (
	"cmp"
	"errors"
	"fmt"

	"check_exchange_authcert/plugin/authcert"
	"check_exchange_authcert/plugin/clixml"
)

// readCollected reads the document that the collector serialized: dictionaries
// with the snapshot's own keys.
func readCollected(document []byte) (*authcert.Snapshot, error) {
	objects, err := clixml.Parse(document)
	if err != nil {
		return nil, damaged(err)
	}
	if len(objects) != 1 {
		return nil, damaged(fmt.Errorf("it holds %d objects instead of one", len(objects)))
	}
	o := objects[0]
	if schema, ok := o.Property("schema").Int(); !ok || schema != authcert.Schema {
		return nil, damaged(errors.New("it comes from another version of the collector: print that anew with --print collector"))
	}
	taken, err := instant(o, "takenAt")
	if err != nil {
		return nil, damaged(err)
	}
	snap := &authcert.Snapshot{
		Schema: authcert.Schema, TakenAt: taken,
		Origin: authcert.Origin{Kind: text(o.Property("origin"), "kind"), Host: text(o.Property("origin"), "host"), Via: text(o.Property("origin"), "via")},
		Errors: problems(o.Property("errors").List()),
	}
	if config := o.Property("authConfig"); !config.IsNil() {
		read, problem := readAuthConfig(config, "")
		snap.AuthConfig = read
		if problem != nil {
			snap.Errors = append(snap.Errors, *problem)
		}
	}
	if hybrid := o.Property("hybrid"); !hybrid.IsNil() {
		snap.Hybrid = &authcert.Hybrid{Configured: truth(hybrid, "configured"), DedicatedApp: truth(hybrid, "dedicatedApp")}
	}
	for _, entry := range o.Property("servers").List() {
		server, note := collectedServer(entry, snap.Origin)
		snap.Servers = append(snap.Servers, server)
		if note != nil {
			snap.Errors = append(snap.Errors, *note)
		}
	}
	return snap, nil
}

// readAuthConfig reads the properties of Get-AuthConfig, from its object or
// from a dictionary with the same names. A date that cannot be read, as where
// each property has become text in the server's own language, costs only
// itself: the thumbprints say more. The hint is for its problems.
func readAuthConfig(o *clixml.Object, hint string) (*authcert.AuthConfig, *authcert.Problem) {
	config, err := readThumbprints(o)
	if err != nil {
		return nil, &authcert.Problem{Stage: authcert.StageAuthConfig, Reason: authcert.Malformed, Message: err.Error(), Hint: hint}
	}
	config.ServiceName, config.Realm, config.OriginatingServer = text(o, "ServiceName"), text(o, "Realm"), text(o, "OriginatingServer")
	config.WhenChangedUTC, _ = instant(o, "WhenChangedUTC")
	if config.NextCertificateEffectiveDate, err = instant(o, "NextCertificateEffectiveDate"); err != nil {
		return config, &authcert.Problem{Stage: authcert.StageEffectiveDate, Reason: authcert.Malformed, Message: err.Error(), Hint: hint}
	}
	return config, nil
}

func readThumbprints(o *clixml.Object) (*authcert.AuthConfig, error) {
	config := &authcert.AuthConfig{}
	for _, field := range []struct {
		name       string
		thumbprint *authcert.Thumbprint
	}{
		{"CurrentCertificateThumbprint", &config.CurrentCertificateThumbprint},
		{"PreviousCertificateThumbprint", &config.PreviousCertificateThumbprint},
		{"NextCertificateThumbprint", &config.NextCertificateThumbprint},
	} {
		if value := o.Property(field.name); !value.IsNil() {
			if _, isText := value.Str(); !isText {
				return nil, fmt.Errorf("%s is of another type than text", field.name)
			}
		}
		thumbprint, err := authcert.ParseThumbprint(text(o, field.name))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", field.name, err)
		}
		*field.thumbprint = thumbprint
	}
	return config, nil
}

// collectedServer reads one server of a collection with this origin.
// Certificates that came from the host's own store are the whole list, so a
// failed cmdlet costs nothing but a note.
func collectedServer(o *clixml.Object, origin authcert.Origin) (authcert.Server, *authcert.Problem) {
	s := authcert.Server{
		FQDN:                cmp.Or(text(o, "fqdn"), unnamed),
		AdminDisplayVersion: text(o, "adminDisplayVersion"),
		Site:                text(o, "site"),
		Role:                text(o, "role"),
		Error:               problem(o.Property("error")),
	}
	if thumbprint, err := authcert.ParseThumbprint(text(o, "internalTransportCertificateThumbprint")); err == nil {
		s.InternalTransportCertificateThumbprint = thumbprint // one that is none is not known
	}
	for _, cert := range o.Property("certificates").List() {
		s.Certificates = append(s.Certificates, readCertificate(cert))
	}
	for _, served := range o.Property("served").List() {
		port, _ := served.Property("port").Int()
		raw, _ := served.Property("rawData").Bytes()
		s.Served = append(s.Served, authcert.Served{Port: int(port), RawData: raw, Error: problem(served.Property("error"))})
	}
	if text(o, "certificatesFrom") != "store" {
		return s, nil
	}
	s.Origin = &authcert.Origin{Kind: origin.Kind, Host: origin.Host, Via: "store"}
	if s.Error == nil {
		return s, nil
	}
	note := *s.Error
	note.Stage, s.Error = authcert.StageCertificate, nil
	note.Message = fmt.Sprintf("%s (the certificates of %s were read from its own store instead)", note.Message, s.FQDN)
	return s, &note
}

// readCertificate reads the properties of Get-ExchangeCertificate.
func readCertificate(o *clixml.Object) authcert.Certificate {
	raw, _ := o.Property("RawData").Bytes()
	cert := authcert.Certificate{
		RawData:              raw,
		FriendlyName:         text(o, "FriendlyName"),
		HasPrivateKey:        truth(o, "HasPrivateKey"),
		PrivateKeyExportable: truth(o, "PrivateKeyExportable"),
		KeyProvider:          text(o, "KeyProvider"),
	}
	services := o.Property("Services")
	if names, ok := services.Str(); ok {
		cert.Services = authcert.ParseServices(names)
		return cert
	}
	if bits, ok := services.Int(); ok {
		cert.Services = servicesOf(bits)
		return cert
	}
	if services.IsNil() {
		return cert
	}
	cert.Services = authcert.Services{}
	for _, item := range services.List() {
		if name, ok := item.Str(); ok {
			cert.Services = append(cert.Services, name)
		}
	}
	return cert
}

// allowedServices are the bits of Services, where it comes as a number.
var allowedServices = []string{"IMAP", "POP", "UM", "IIS", "SMTP", "Federation", "UMCallRouter"}

func servicesOf(bits int64) authcert.Services {
	services := authcert.Services{}
	for i, name := range allowedServices {
		if bits>>i&1 == 1 {
			services = append(services, name)
		}
	}
	return services
}

func problems(objects []*clixml.Object) []authcert.Problem {
	var all []authcert.Problem
	for _, o := range objects {
		if p := problem(o); p != nil {
			all = append(all, *p)
		}
	}
	return all
}

func problem(o *clixml.Object) *authcert.Problem {
	if o.IsNil() {
		return nil
	}
	return &authcert.Problem{Stage: text(o, "stage"), Reason: authcert.Reason(cmp.Or(text(o, "reason"), string(authcert.Unreadable))), Message: text(o, "message")}
}
