package source

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"check_exchange_authcert/plugin/authcert"
	"check_exchange_authcert/plugin/clixml"
)

// exports collects the objects of Export-Clixml files: Get-AuthConfig,
// Get-ExchangeServer, Get-ExchangeCertificate, Get-TransportService and
// Get-HybridConfiguration. What an object is, it tells by itself; whose
// certificates a file holds, its name tells before PSComputerName does, which
// names the server of the session.
type exports struct {
	reader       clixml.Reader
	taken        authcert.Instant // when the oldest file was written
	authConfigs  []authcert.AuthConfig
	host         string // where the session was
	servers      []authcert.Server
	listed       bool // Get-ExchangeServer's output was there
	certificates map[string][]authcert.Certificate
	order        []string // server names of certificates, as they came
	transport    map[string]authcert.Thumbprint
	hybrid       bool
	problems     []authcert.Problem
	failed       map[string]*authcert.Problem // per server, whose file could not be read
}

const certificatePrefix = "exchangecertificate"

// readExports reads every .xml file of a folder. A file that cannot be read
// costs only what is in it.
func readExports(folder string) (*authcert.Snapshot, error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, fileProblem(folder, err)
	}
	var e exports
	read := 0
	for _, entry := range entries {
		if entry.IsDir() || !strings.EqualFold(filepath.Ext(entry.Name()), ".xml") {
			continue
		}
		if info, err := entry.Info(); err == nil {
			e.taken = oldest(e.taken, info.ModTime())
		}
		read++
		data, err := readFile(filepath.Join(folder, entry.Name()))
		if err != nil {
			e.fail(entry.Name(), err)
			continue
		}
		e.add(data, entry.Name())
	}
	if read == 0 {
		return nil, &authcert.Problem{Stage: stageSnapshot, Reason: authcert.NotFound, Message: folder + ": no .xml file in this folder",
			Hint: "Put the output of Get-AuthConfig, Get-ExchangeServer and Get-ExchangeCertificate there with Export-Clixml"}
	}
	return e.snapshot(folder)
}

// add takes in one document. name is the file's: it tells whose certificates
// these are.
func (e *exports) add(data []byte, name string) {
	objects, err := e.reader.Parse(data)
	if err != nil {
		e.fail(name, fmt.Errorf("%s: %w", name, err))
		return
	}
	for _, object := range flatten(objects) {
		e.addObject(object, serverOfFile(name))
	}
}

// flatten puts the items of exported arrays side by side with single objects.
func flatten(objects []*clixml.Object) []*clixml.Object {
	var flat []*clixml.Object
	for _, object := range objects {
		if len(object.Items) > 0 {
			flat = append(flat, object.Items...)
			continue
		}
		flat = append(flat, object)
	}
	return flat
}

func (e *exports) addObject(object *clixml.Object, fileServer string) {
	has := func(name string) bool { return object.Property(name) != nil }
	host, _ := object.Property("PSComputerName").Str()
	switch {
	case has("CurrentCertificateThumbprint"):
		e.host = cmp.Or(e.host, host)
		e.addAuthConfig(object)
	case has("RawData") || hasType(object, "ExchangeCertificate"):
		e.addCertificate(object, cmp.Or(fileServer, host))
	case has("Fqdn") && (has("ServerRole") || has("IsMailboxServer")):
		e.listed = true
		e.servers = append(e.servers, server(object))
	case has("InternalTransportCertificateThumbprint"):
		e.addTransport(object)
	case hasType(object, "HybridConfiguration"):
		e.hybrid = true
	}
}

// hasType compares the last part of a type's name, so that "Deserialized." and
// "Selected." forms count.
func hasType(object *clixml.Object, want string) bool {
	for _, name := range object.TypeNames {
		if strings.EqualFold(name[strings.LastIndexByte(name, '.')+1:], want) {
			return true
		}
	}
	return false
}

// serverOfFile takes the server out of "ExchangeCertificate-<server>.xml".
func serverOfFile(name string) string {
	base := strings.ToLower(filepath.Base(name))
	base, isXML := strings.CutSuffix(base, ".xml")
	server, found := strings.CutPrefix(base, certificatePrefix+"-")
	if !isXML || !found {
		return ""
	}
	return server
}

func (e *exports) addAuthConfig(object *clixml.Object) {
	config, problem := readAuthConfig(object, hintAnew)
	if problem != nil {
		e.problems = append(e.problems, *problem)
	}
	if config != nil {
		e.authConfigs = append(e.authConfigs, *config)
	}
}

func (e *exports) addCertificate(object *clixml.Object, host string) {
	host = strings.ToLower(host)
	if e.certificates == nil {
		e.certificates = map[string][]authcert.Certificate{}
	}
	if _, seen := e.certificates[host]; !seen {
		e.order = append(e.order, host)
	}
	e.certificates[host] = append(e.certificates[host], readCertificate(object))
}

func (e *exports) addTransport(object *clixml.Object) {
	thumbprint, err := authcert.ParseThumbprint(text(object, "InternalTransportCertificateThumbprint"))
	if err != nil {
		return // an unknown fact, not a wrong one
	}
	if e.transport == nil {
		e.transport = map[string]authcert.Thumbprint{}
	}
	e.transport[strings.ToLower(text(object, "Name"))] = thumbprint
}
