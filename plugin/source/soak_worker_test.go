package source

import (
	"context"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"check_exchange_authcert/plugin"
	"check_exchange_authcert/plugin/authcert"
	"check_exchange_authcert/plugin/wsman/wsmantest"
)

// soakWorker has one peer of each kind and makes one run after the other.
type soakWorker struct {
	t           *testing.T
	host        *wsmantest.Host
	realm       *wsmantest.Realm
	directories map[authcert.Status]*directoryServer
	publishers  []string // addresses of ex01 and ex02
	served      network
	cloud       tenant
	toCloud     *http.Transport
	logins      map[bool]ClientLogin // right and wrong
	folder      string
	nobody      string // an address at which nobody listens

	mu     sync.Mutex // what the peers look at
	org    *organization
	fault  soakFault
	left   int // times that the fault is still played
	cancel context.CancelFunc
	after  []func() // to be done when the run has ended
}

const soakPassword = "Geheim-Pferd-7"

func newSoakWorker(t *testing.T, orgs []*organization) *soakWorker {
	t.Helper()
	own := orgs[0].own
	w := &soakWorker{t: t, folder: t.TempDir(), served: network{}, org: &organization{}, realm: wsmantest.StartRealm(t, "CONTOSO.TEST")}
	w.realm.Refuse = func(string, int) int32 { return w.refuse() }
	w.realm.AddUser("monitor", soakPassword)
	w.realm.AddService("HTTP/localhost")
	w.host = wsmantest.Start(t, wsmantest.Options{
		Domain: "CONTOSO", User: "monitor", Password: soakPassword, Realm: w.realm, Interfere: w.interfere,
		Run: func(c wsmantest.Command) wsmantest.Result {
			if result := w.playing().result; result != nil {
				return *result
			}
			return w.organization().collected(c)
		},
		Cmdlet: func(c wsmantest.Cmdlet) wsmantest.CmdletResult { return w.organization().cmdlet(c) },
	})
	w.directories = map[authcert.Status]*directoryServer{
		authcert.Unknown:  startLDAP(t, true, contoso(1)...),
		authcert.Warning:  startLDAP(t, true, change(ldapAuth, map[string][]string{"msExchAuthRealm": {"contoso.com"}})...),
		authcert.Critical: startLDAP(t, true, change(ldapAuth, map[string][]string{"msExchAuthCertificateThumbprint": {"1:" + previousPrint}})...),
	}
	for _, name := range soakServers {
		address := publisher(t, own, func(rw http.ResponseWriter, r *http.Request) { w.publish(name, rw, r) })
		if name == soakServers[1] {
			address = strings.Replace(address, "127.0.0.1", "localhost", 1) // another name is another server
		}
		w.publishers = append(w.publishers, address)
		for _, port := range []string{":443", ":444"} {
			w.served[name+port] = peerAt(t, func(connection net.Conn) {
				if peer := w.playing().peer; peer != nil && port == ":444" {
					peer(connection)
					return
				}
				site(&own, &own, nil)(connection)
			})
		}
	}
	w.cloud.apps = applications(orgs)
	w.cloud.interfere = func(rw http.ResponseWriter, r *http.Request, _ int) bool {
		f := w.playing()
		if f.handler == nil || !strings.Contains(r.Host+r.URL.Path, f.path) {
			return false
		}
		f.handler(rw, r)
		return true
	}
	w.toCloud = w.cloud.start(t, Clouds["public"]).(*http.Transport)
	w.logins = map[bool]ClientLogin{true: secretLogin(t, clientSecret), false: secretLogin(t, wrongSecret)}
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w.nobody = closed.Addr().String()
	closed.Close()
	return w
}

func (w *soakWorker) playing() soakFault {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.fault
}

func (w *soakWorker) organization() *organization {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.org
}

// interfere plays the fault at its step, as often as it is to be played.
func (w *soakWorker) interfere(step wsmantest.Step, _ int) *wsmantest.Interference {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.fault.step != step || w.left == 0 {
		return nil
	}
	w.left--
	if w.fault.signal || w.fault.hangs {
		w.cancel()
	}
	with := w.fault.with // which the next run does not change
	return &with
}

// refuse is the KDC's part.
func (w *soakWorker) refuse() int32 {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.fault.kdc == wsmantest.Hang {
		w.cancel()
	}
	return w.fault.kdc
}

// expiring is a context whose deadline passes when its parent is cancelled.
type expiring struct{ context.Context }

func (e expiring) Err() error {
	if e.Context.Err() != nil {
		return context.DeadlineExceeded
	}
	return nil
}

func (w *soakWorker) publish(name string, rw http.ResponseWriter, r *http.Request) {
	o := w.organization()
	switch handler := w.playing().handler; {
	case handler != nil:
		handler(rw, r)
	case o.hides(name):
		answers(404, "")(rw, r)
	default:
		answers(200, metadataDocument(o.current.Certificate[0]))(rw, r)
	}
}

// run makes one run, with the peers playing their part of it.
func (w *soakWorker) run(drawn soakDraw) authcert.Result {
	ctx, cancel := context.WithTimeout(w.t.Context(), drawn.fault.within())
	defer cancel()
	ctx, interrupt := context.WithCancel(ctx)
	defer interrupt()
	if drawn.fault.hangs {
		ctx = expiring{ctx}
	}
	w.mu.Lock()
	w.org, w.fault, w.left, w.cancel = drawn.org, drawn.fault, drawn.fault.times(), interrupt
	w.mu.Unlock()
	result := plugin.Check(ctx, drawn.way.source(w, drawn.org, drawn.fault), authcert.DefaultPolicy(), soakTime)
	for _, end := range w.after {
		end()
	}
	w.after = nil
	return result
}
