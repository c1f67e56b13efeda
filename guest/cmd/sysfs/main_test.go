package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestApplyDirectory(t *testing.T) {
	settings, kernel := t.TempDir(), t.TempDir()
	attributes := map[string]string{
		"kernel/mm/transparent_hugepage/enabled": "madvise",
		"block/sda/queue/scheduler":              "none",
		"module/a.b/parameters/c":                "x=y",
		"kernel/other":                           "untouched",
	}
	for name := range attributes {
		put(t, filepath.Join(kernel, name), "untouched")
	}
	put(t, filepath.Join(settings, "00-first"), `# a comment = with a setting
 kernel/mm/transparent_hugepage/enabled = madvise
   
block/sda/queue/scheduler=mq-deadline
/module/a.b/parameters/c = x=y`)
	put(t, filepath.Join(settings, "10-second"), "block/sda/queue/scheduler=none\n")
	if err := applyDirectory(settings, kernel); err != nil {
		t.Fatal(err)
	}
	for name, want := range attributes {
		if got, err := os.ReadFile(filepath.Join(kernel, name)); string(got) != want {
			t.Errorf("%s: %q, %v; want %q", name, got, err, want)
		}
	}
}

func TestFailures(t *testing.T) {
	kernel := t.TempDir()
	put(t, filepath.Join(kernel, "there"), "untouched")
	for text, want := range map[string]string{
		"absent=1\nthere=1":       "settings:1: open",
		"\nno value\nthere=1":     `settings:2: cannot parse "no value"`,
		"../../../etc/absent=1\n": filepath.Join(kernel, "etc/absent"),
	} {
		settings := t.TempDir()
		put(t, filepath.Join(settings, "settings"), text)
		if err := applyDirectory(settings, kernel); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if got, _ := os.ReadFile(filepath.Join(kernel, "there")); string(got) != "untouched" {
		t.Errorf("went on after an error: %q", got)
	}
}
