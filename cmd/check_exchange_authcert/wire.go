package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"
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
	facts := &keeper{Source: source.File{Path: c.Snapshot, Stdin: p.stdin}}
	result := plugin.Check(ctx, facts, c.policy(), at)
	if c.Save != "" {
		result.Notes = append(result.Notes, save(c.Save, facts.snap.Load()))
	}
	result.Metrics = append(result.Metrics, authcert.Metric{Name: "time", Value: p.now().Sub(start).Seconds(), Unit: "s"})
	if err := write(out, c, result); err != nil {
		out.Reset()
		return unknown(out, fmt.Sprintf("writing the answer: %v", err))
	}
	return result.StatusCode
}

func write(out io.Writer, c *cli, result authcert.Result) error {
	if c.Output == "json" {
		return render.JSON(out, result)
	}
	return render.Nagios(out, result, c.Verbose)
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
	snap atomic.Pointer[authcert.Snapshot] // a source may still run when the deadline has passed
}

// Snapshot reads from the source.
func (k *keeper) Snapshot(ctx context.Context) (*authcert.Snapshot, error) {
	snap, err := k.Source.Snapshot(ctx)
	k.snap.Store(snap)
	return snap, err
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

func replaceFile(path string, data []byte) error {
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
