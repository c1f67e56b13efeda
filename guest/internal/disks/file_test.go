package disks

import (
	"bytes"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func TestCreateFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "directory", "file")
	for _, size := range []int64{100_000, 50_000} {
		if err := CreateFile(path, size); err != nil {
			t.Fatal(err)
		}
		var status syscall.Stat_t
		if err := syscall.Stat(path, &status); err != nil || status.Mode != syscall.S_IFREG|0o600 || status.Size != size || status.Blocks*512 < size {
			t.Errorf("%+v, %v", status, err)
		}
	}
	if err := CreateFile(path, 1<<60); err == nil {
		t.Error("room for an exbibyte")
	}
	if entries, _ := os.ReadDir(filepath.Dir(path)); len(entries) != 1 {
		t.Errorf("%v", entries)
	}
}

func TestOverwrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "device")
	if err := os.WriteFile(path, bytes.Repeat([]byte("x"), 1<<20+513), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Overwrite(path); err != nil {
		t.Fatal(err)
	}
	if content, _ := os.ReadFile(path); !bytes.Equal(content, make([]byte, 1<<20+513)) {
		t.Errorf("%d bytes, not all zero", len(content))
	}
}
