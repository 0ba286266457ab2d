package main

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
)

// licensesFile goes with every program: the licences of what is linked into it
// ask for that.
const licensesFile = "../../.release/third-party-licenses.txt"

// fileCopyleft are the modules under a licence that asks for the source of
// their own files, and of no other: it is named beside them. Kerberos and NTLM
// need them.
var fileCopyleft = []string{"github.com/hashicorp/go-cleanhttp", "github.com/hashicorp/go-uuid"}

// licenceMarks tell a licence by words that no other has.
var licenceMarks = []struct{ id, words string }{
	{"MPL-2.0", "Mozilla Public License, version 2.0"},
	{"Apache-2.0", "Apache License Version 2.0, January 2004"},
	{"BSD-3-Clause", "Neither the name of"},
	{"ISC", "Permission to use, copy, modify, and/or distribute this software for any purpose with or without fee is hereby granted"},
	{"MIT", "Permission is hereby granted, free of charge, to any person obtaining a copy of this software"},
}

// module is one that is linked.
type module struct{ path, version, licence, text string }

// TestLicenses keeps the file in step with what is linked. A module without a
// licence, or under one that is not known here, is not taken.
func TestLicenses(t *testing.T) {
	var modules []module
	for _, line := range linked(t, targets...) {
		path, rest, _ := strings.Cut(line, " ")
		version, folder, _ := strings.Cut(rest, " ")
		m := licensed(t, path, folder)
		m.version = version
		modules = append(modules, m)
	}
	root := strings.TrimSpace(goTool(t, "", "env", "GOROOT"))
	modules = append(modules, licensed(t, "Go's standard library and runtime", root))
	inStep(t, licensesFile, licencesText(modules))
	own, err := os.ReadFile("../../LICENSE")
	if err != nil {
		t.Fatal(err)
	}
	inStep(t, "../../.release/copyright", string(own)+packagedCopyright)
}

// packagedCopyright ends the file in which Debian looks for all of this.
const packagedCopyright = `
The program holds code of others, under the licenses MIT, BSD-3-Clause, ISC,
Apache-2.0 and MPL-2.0. /usr/share/doc/check-exchange-authcert/third-party-licenses.txt
names every module and has the texts; Debian has those of the last two in
/usr/share/common-licenses/Apache-2.0 and /usr/share/common-licenses/MPL-2.0, too.
`

// inStep compares a file with what it has to be, or writes it anew.
func inStep(t *testing.T, path, want string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(want, string(got)); diff != "" {
		t.Errorf("%s is not in step with what is linked; run this test with -update (-want +got):\n%s", path, diff)
	}
}

// targets are what programs are released for.
var targets = []string{"linux/amd64", "linux/arm64", "windows/amd64", "windows/arm64"}

// linked are the modules in the programs for these targets, each as "path
// version folder".
func linked(t *testing.T, targets ...string) []string {
	t.Helper()
	var all []string
	for _, target := range targets {
		text := goTool(t, target, "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}} {{.Dir}}{{end}}{{end}}", ".")
		all = append(all, strings.Split(strings.TrimSpace(text), "\n")...)
	}
	slices.Sort(all)
	return slices.DeleteFunc(slices.Compact(all), func(line string) bool { return line == "" })
}

// goTool runs the go command for a target, or for this system.
func goTool(t *testing.T, target string, args ...string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), "go", args...)
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	if system, processor, given := strings.Cut(target, "/"); given {
		command.Env = append(command.Env, "GOOS="+system, "GOARCH="+processor)
	}
	output, err := command.Output()
	if err != nil {
		t.Fatalf("go %s: %v", strings.Join(args, " "), err)
	}
	return string(output)
}

// licensed reads the licence and the notices in a module's folder.
func licensed(t *testing.T, path, folder string) module {
	t.Helper()
	m := module{path: path}
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		name := strings.ToUpper(entry.Name())
		if entry.IsDir() || !slices.ContainsFunc([]string{"LICEN", "COPYING", "NOTICE", "PATENTS"}, func(start string) bool { return strings.HasPrefix(name, start) }) {
			continue
		}
		data, err := os.ReadFile(filepath.Join(folder, entry.Name()))
		if err != nil {
			t.Fatal(err)
		}
		m.text += strings.TrimSpace(strings.ReplaceAll(string(data), "\r\n", "\n")) + "\n\n"
	}
	words := strings.Join(strings.Fields(m.text), " ")
	for _, mark := range licenceMarks {
		if strings.Contains(words, mark.words) {
			m.licence = cmp.Or(m.licence, mark.id)
		}
	}
	switch {
	case m.licence == "":
		t.Errorf("%s has no licence that is known to be fit: read it", path)
	case strings.Contains(words, "GNU GENERAL PUBLIC LICENSE"), m.licence == "MPL-2.0" && !slices.Contains(fileCopyleft, path):
		t.Errorf("%s is under a copyleft licence: do without it", path)
	}
	return m
}

// licencesText is the list and every text once, with the modules that it is
// for.
func licencesText(modules []module) string {
	var text strings.Builder
	text.WriteString("Third-party software in check_exchange_authcert\n\nThe programs hold code of these modules, as they are published; the source of\neach is at the address that is its name. The texts of their licences follow.\n\n")
	holders := map[string][]string{}
	for _, m := range modules {
		fmt.Fprintf(&text, "%-12s  %s\n", m.licence, strings.TrimSpace(m.path+" "+m.version))
		holders[m.text] = append(holders[m.text], m.path)
	}
	for _, m := range modules {
		if names := holders[m.text]; names[0] == m.path {
			fmt.Fprintf(&text, "\n%s\n%s\n\n%s", strings.Repeat("=", 80), strings.Join(names, "\n"), m.text)
		}
	}
	return strings.TrimSpace(text.String()) + "\n"
}
