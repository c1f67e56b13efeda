package main

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestCreateFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := createFile(path, 10<<20); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Size() != 10<<20 {
		t.Errorf("%v, %v", info, err)
	}
	if err := createFile(path, 5); err != nil {
		t.Error(err)
	}
	if info, err := os.Stat(path); err != nil || info.Size() != 10<<20 {
		t.Errorf("not kept: %v, %v", info, err)
	}
}

func TestMistakes(t *testing.T) {
	if err := run(options{}, nil); !errors.Is(err, mistake) {
		t.Error(err)
	}
	path := filepath.Join(t.TempDir(), "file")
	if err := run(options{device: "/dev/loop0"}, []string{path}); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	if err := run(options{create: true, device: "/dev/null"}, []string{path}); err == nil {
		t.Error("/dev/null is no loop device")
	}
}
