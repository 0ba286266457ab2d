package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"check_exchange_authcert/plugin"
	"check_exchange_authcert/plugin/authcert"
	"check_exchange_authcert/plugin/render"
	"check_exchange_authcert/plugin/source"
)

// check runs the check that the command line describes and writes its answer.
func (p program) check(ctx context.Context, c *cli, out *bytes.Buffer) int {
	start := p.now()
	ctx, cancel := context.WithTimeout(ctx, time.Duration(c.Timeout))
	defer cancel()
	at := start
	if !c.At.IsZero() {
		at = c.At.Time
	}
	chosen, err := p.source(c)
	if err != nil {
		return formByName(c.Output).refuse(out, explain(err))
	}
	facts := &keeper{Source: chosen}
	result := plugin.Check(ctx, facts, c.policy(), at)
	if c.Save != "" {
		result.Notes = slices.Insert(result.Notes, 0, save(c.Save, facts.judged(result))) // first: later ones may not fit
	}
	result.Metrics = append(result.Metrics, authcert.Metric{Name: "time", Value: p.now().Sub(start).Seconds(), Unit: "s"})
	return formByName(c.Output).answer(out, result, c.Verbose)
}

// explain adds to an error what to do about it, where that is known.
func explain(err error) string {
	var problem *authcert.Problem
	if !errors.As(err, &problem) {
		return err.Error()
	}
	return fmt.Sprintf("%s: %v. %s", problem.Stage, problem, problem.Hint)
}

// source is where the command line says the facts are, and what it wants them
// compared with.
func (p program) source(c *cli) (plugin.Source, error) {
	account, err := c.account(p.env)
	if err != nil {
		return nil, err
	}
	chosen, err := p.primary(c, account)
	if err != nil {
		return nil, err
	}
	if chosen, err = p.withDirectory(c, chosen, account); err != nil {
		return nil, err
	}
	login, err := c.login()
	if err != nil {
		return nil, err
	}
	if chosen, err = c.crossChecked(chosen, login); err != nil {
		return nil, err
	}
	return source.Discreet{Source: chosen, Accounts: []source.Credentials{account.host, account.exchange}, Login: login}, nil
}

// primary is the source that names the servers; nil leaves it to Active
// Directory.
func (p program) primary(c *cli, account accounts) (plugin.Source, error) {
	switch {
	case c.Snapshot != "":
		return source.File{Path: c.Snapshot, Stdin: p.stdin}, nil
	case len(c.Published) > 0:
		roots, err := source.ReadRoots(c.CAFile)
		return source.Published{Hosts: c.Published, Roots: roots, Now: p.now()}, err
	case c.Local:
		return source.PowerShell{Exchange: c.exchange("", account), Hide: secretVariables}, nil
	case len(c.Hostname) > 0:
		return c.hosts(account, p.now())
	}
	return nil, nil
}

func listFindings(out io.Writer) int {
	if err := render.Catalogue(out, authcert.Catalogue()); err != nil {
		return authcert.Unknown.Code()
	}
	return authcert.OK.Code()
}

// keeper is a source that keeps what it read, so that it can be saved.
type keeper struct {
	plugin.Source
	snap *authcert.Snapshot
}

// Snapshot reads from the source.
func (k *keeper) Snapshot(ctx context.Context) (*authcert.Snapshot, error) {
	snap, err := k.Source.Snapshot(ctx)
	k.snap = snap
	return snap, err
}

// judged is what a result is about. It is nil after a failure: what was read is
// a part at most, and the source may still run.
func (k *keeper) judged(result authcert.Result) *authcert.Snapshot {
	if result.Failure != nil {
		return nil
	}
	return k.snap
}

// save writes a snapshot for this account's eyes only and returns a note on
// how that went: it does not change the verdict. The file is replaced whole,
// so that nobody reads half of it.
func save(path string, snap *authcert.Snapshot) string {
	if snap == nil {
		return "nothing to save: no facts could be read"
	}
	data, err := json.MarshalIndent(snap, "", "  ")
	if err == nil {
		err = replaceFile(path, append(data, '\n'))
	}
	if err != nil {
		return fmt.Sprintf("the snapshot could not be saved: %v", err)
	}
	return "the snapshot is saved in " + path
}

// replaceFile leaves what is no ordinary file alone: root could put a snapshot
// in the place of /dev/null. Where there is a link it is the file behind it.
func replaceFile(path string, data []byte) error {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	if info, err := os.Lstat(path); err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("%s: it is no ordinary file, or a link to none", path)
	}
	file, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(file.Name()) // gone after the rename; else no remains
	if _, err := file.Write(data); err != nil {
		file.Close()
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	return os.Rename(file.Name(), path)
}
