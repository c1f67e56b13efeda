package main

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestKeyPath(t *testing.T) {
	for name, want := range map[string]string{"key": "/etc/dm-crypt/key", "sub/key": "/etc/dm-crypt/sub/key", "/some/key": "/some/key"} {
		if got := keyPath(name); got != want {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestMissingKey(t *testing.T) {
	if err := run("name", "/dev/null", filepath.Join(t.TempDir(), "key"), false); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}
