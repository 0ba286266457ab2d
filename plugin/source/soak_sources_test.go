package source

import (
	"cmp"
	"encoding/base64"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"check_exchange_authcert/plugin"
	"check_exchange_authcert/plugin/authcert"
	"check_exchange_authcert/plugin/wsman"
	"check_exchange_authcert/plugin/wsman/wsmantest"
)

// windows is the host, at a path and as one account.
func (w *soakWorker) windows(path string, auth wsman.Auth, f soakFault) wsman.Config {
	config := wsman.Config{
		URL: w.host.URL(path), Auth: auth, Username: map[wsman.Auth]string{wsman.AuthNTLM: `CONTOSO\monitor`, wsman.AuthKerberos: "monitor@CONTOSO.TEST"}[auth],
		Password: wsman.NewSecret(soakPassword), Kerberos: wsman.Kerberos{KDCs: []string{w.realm.KDC()}},
	}
	if f.wrong {
		config.Password = wsman.NewSecret("Geheim of another")
	}
	if f.closed {
		config.URL = "http://" + strings.Replace(w.nobody, "127.0.0.1", "localhost", 1) + path
	}
	return config
}

func (w *soakWorker) remoting(f soakFault) plugin.Source {
	return Remoting{Endpoint: w.windows("/PowerShell/", wsman.AuthKerberos, f), Now: soakTime}
}

func (w *soakWorker) winrm(auth wsman.Auth, f soakFault) plugin.Source {
	return WinRM{Shell: w.windows("/wsman", auth, f), Exchange: Exchange{Account: NewCredentials(`CONTOSO\monitor`, "", soakPassword)}}
}

// local is Windows PowerShell on this host, played by the test's own program under another name (see TestMain).
func (w *soakWorker) local(o *organization, f soakFault) plugin.Source {
	const placeholder = "nonce=00000000000000000000000000000000"
	said := o.collected(wsmantest.Command{Stdin: strings.NewReader(base64.StdEncoding.EncodeToString([]byte(placeholder)))})
	w.write(filepath.Join(w.folder, "local", "said"), f.spoilt(string(said.Stdout)))
	exe := filepath.Join(w.folder, "local", "powershell-"+cmp.Or(f.path, "receive-none"))
	w.after = append(w.after, func() { os.Remove(exe) })
	own, err := os.Executable()
	if err == nil {
		err = os.Symlink(own, exe)
	}
	if err != nil {
		w.t.Error(err)
	}
	return PowerShell{Exe: exe}
}

// both is a host that is asked in two ways; the fault concerns the first alone
// where it is about the address.
func (w *soakWorker) both(f soakFault) plugin.Source {
	second := f
	second.closed = false
	address := strings.TrimPrefix(w.host.URL(""), "http://")
	return Hosts{{Name: "localhost", Ways: []Way{
		{Name: "exchange", Address: address, Source: w.remoting(f)}, {Name: "winrm", Address: address, Source: w.winrm(wsman.AuthNTLM, second)},
	}}}
}

func (w *soakWorker) directory(o *organization, f soakFault) plugin.Source {
	status := o.status
	if status == authcert.OK {
		status = authcert.Unknown
	}
	server := w.directories[status]
	server.mu.Lock()
	server.faults = map[string]*directoryFault{}
	if f.request != "" {
		server.faults[f.request] = &f.answer
	}
	server.mu.Unlock()
	source := server.source("ldaps")
	if f.wrong {
		source.Account = NewCredentials("monitor@EXAMPLE.TEST", "", "Geheim of another")
	}
	return source
}

// file is a snapshot, spoilt by the fault.
func (w *soakWorker) file(o *organization, f soakFault) plugin.Source {
	path := filepath.Join(w.folder, "snapshot.json")
	w.write(path, f.spoilt(snapshotText(w.t, o)))
	if !f.silent {
		return File{Path: path}
	}
	reader, writer := io.Pipe()
	w.after = append(w.after, func() { writer.Close() })
	return File{Path: "-", Stdin: reader}
}

// export is a folder of Export-Clixml; the fault spoils one file of it.
func (w *soakWorker) export(o *organization, f soakFault) plugin.Source {
	folder := filepath.Join(w.folder, "export")
	w.write(filepath.Join(folder, "AuthConfig.xml"), "")
	files := o.exports()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		text := files[name]
		if strings.HasPrefix(name, f.path) {
			text = f.spoilt(text)
		}
		w.write(filepath.Join(folder, name), text)
	}
	w.after = append(w.after, func() { os.RemoveAll(folder) })
	return File{Path: folder}
}

// write writes a file; without text there is none.
func (w *soakWorker) write(path, text string) {
	err := os.MkdirAll(filepath.Dir(path), 0o700)
	if err == nil && text == "" {
		os.Remove(path)
		return
	}
	if err == nil {
		err = os.WriteFile(path, []byte(text), 0o600)
	}
	if err == nil {
		err = os.Chtimes(path, soakTime, soakTime) // which dates an export
	}
	if err != nil {
		w.t.Error(err)
	}
}

// compared is a snapshot with a cross-check.
func compared(o *organization, check Check) plugin.Source {
	return Checked{Source: given{o.snapshot()}, Checks: []Check{check}}
}

func (w *soakWorker) tls(o *organization, _ soakFault) plugin.Source {
	return compared(o, CheckTLS{dial: w.served.dial})
}

// graph has connections of its own, as a program has that ends with its run.
func (w *soakWorker) graph(o *organization, f soakFault) plugin.Source {
	application := o.status.String()
	if f.lacks {
		application = lacking
	}
	return compared(o, Entra{
		Tenant: tenantID, ClientID: clientID, Login: w.logins[!f.wrong], Cloud: Clouds["public"], Application: application, transport: w.toCloud.Clone(),
	})
}

// lacking is an application that has no certificate.
const lacking = "lacking"

// applications are one for each organization, and one that lacks its certificate.
func applications(orgs []*organization) []app {
	all := []app{{lacking, lacking, lacking, "[]"}}
	for _, o := range orgs {
		name := o.status.String()
		all = append(all, app{name, name, name, "[" + keyJSON(string(authcert.ThumbprintOf(o.current.Certificate[0])), "null") + "]"})
	}
	return all
}
