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
	parameters := map[string]string{
		"net/ipv4/ping_group_range": "999 59999",
		"net/core/somaxconn":        "2048",
		"vm/overcommit_memory":      "1",
		"kernel/core_pattern":       "untouched",
	}
	for name := range parameters {
		put(t, filepath.Join(kernel, name), "untouched")
	}
	put(t, filepath.Join(settings, "00-first.conf"), `# comment
  ; another
net.ipv4.ping_group_range = 999 59999
net/core.somaxconn=1024

kernel.core_pattern = |/x --a=b
no value
   
absent.key=1
..=1
`)
	put(t, filepath.Join(settings, "10-second"), "net.core/somaxconn = 2048\r\nvm/overcommit_memory=1")
	var warnings strings.Builder
	if err := applyDirectory(settings, kernel, &warnings); err != nil {
		t.Fatal(err)
	}
	for name, want := range parameters {
		if got, err := os.ReadFile(filepath.Join(kernel, name)); string(got) != want {
			t.Errorf("%s: %q, %v; want %q", name, got, err, want)
		}
	}
	lines := strings.Split(strings.TrimSuffix(warnings.String(), "\n"), "\n")
	if len(lines) != 5 {
		t.Errorf("want five warnings: %q", lines)
	}
	for _, line := range lines {
		if !strings.HasPrefix(line, "WARN: ") {
			t.Errorf("no warning: %q", line)
		}
	}
	if entries, err := os.ReadDir(kernel); err != nil || len(entries) != 3 {
		t.Errorf("made a parameter: %v, %v", entries, err)
	}
}

func TestUnreadable(t *testing.T) {
	if err := applyDirectory(filepath.Join(t.TempDir(), "absent"), t.TempDir(), os.Stderr); err == nil {
		t.Error("a missing directory is an error")
	}
	settings := t.TempDir()
	if err := os.Mkdir(filepath.Join(settings, "directory"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := applyDirectory(settings, t.TempDir(), os.Stderr); err == nil {
		t.Error("a file that cannot be read is an error")
	}
}
