package node

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// program makes a file that can be run, and returns its path.
func program(t *testing.T, dir, name string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestImagesAreReadAndHandedOn(t *testing.T) {
	dir := t.TempDir()
	tool := program(t, dir, "tool")
	images := Images{}
	for _, value := range []string{"registry:5000/tool:1=" + tool + ",run,--name=x", "plain=" + tool} {
		if err := images.Set(value); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{"plain=" + tool, "registry:5000/tool:1=" + tool + ",run,--name=x"}
	if got := images.Args(); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	again := Images{}
	for _, value := range images.Args() {
		if err := again.Set(value); err != nil {
			t.Fatal(err)
		}
	}
	if again.String() != images.String() {
		t.Errorf("handed on they are %s, not %s", again, images)
	}
}

func TestImagesAreFoundOnPathAndMadeAbsolute(t *testing.T) {
	dir := t.TempDir()
	tool := program(t, dir, "some-tool")
	t.Setenv("PATH", dir)
	images := Images{}
	if err := images.Set("x=some-tool"); err != nil {
		t.Fatal(err)
	}
	if got := images["x"].Executable; got != tool {
		t.Errorf("got %s, want %s", got, tool)
	}
}

func TestImagesThatCannotBeAreRefused(t *testing.T) {
	file := filepath.Join(t.TempDir(), "data")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for value, want := range map[string]string{
		"busybox":            "NAME=EXECUTABLE",
		"=/bin/sh":           "NAME=EXECUTABLE",
		"busybox=":           "NAME=EXECUTABLE",
		"busybox=/nowhere/x": "/nowhere/x is not a program",
		"busybox=" + file:    file + " is not a program",
		"busybox=,arg":       "not a program",
	} {
		err := Images{}.Set(value)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Set(%q): %v, want %q", value, err, want)
		}
	}
}

func TestLookPath(t *testing.T) {
	first, second := t.TempDir(), t.TempDir()
	tool := program(t, second, "tool")
	if err := os.WriteFile(filepath.Join(first, "tool"), nil, 0o644); err != nil { // cannot be run
		t.Fatal(err)
	}
	for name, each := range map[string]struct{ program, path, dir, want string }{
		"on the path":                   {"tool", first + ":" + second, "/", tool},
		"not in a relative folder":      {"tool", ".", second, ""},
		"nowhere":                       {"nothing", first + ":" + second, "/", ""},
		"absolute":                      {tool, "", "/", tool},
		"from the working folder":       {"./tool", "", second, tool},
		"a folder":                      {second, "", "/", ""},
		"a file that cannot be run":     {filepath.Join(first, "tool"), "", "/", ""},
		"not on the path of this test":  {"sh", first, "/", ""},
		"not in the working folder":     {"tool", first, second, ""},
		"empty entries are no folders":  {"tool", ":", second, ""},
		"a relative path to nothing":    {"./nothing", second, second, ""},
		"a name is not a path from dir": {"tool", "", second, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := lookPath(each.program, each.path, each.dir)
			if each.want == "" && err == nil {
				t.Errorf("found %s", got)
			}
			if each.want != "" && (err != nil || got != each.want) {
				t.Errorf("got %q, %v; want %q", got, err, each.want)
			}
		})
	}
}
