package main

import (
	"errors"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// separateMounts gives the test's thread its own mount namespace, which ends
// with the test, and a directory on a file system of its own.
func separateMounts(t *testing.T) string {
	t.Helper()
	runtime.LockOSThread()
	if err := syscall.Unshare(syscall.CLONE_NEWNS); err != nil {
		t.Skipf("no new mount namespace here: %v", err)
	}
	if err := syscall.Mount("", "/", "", syscall.MS_PRIVATE|syscall.MS_REC, ""); err != nil {
		t.Skipf("no private mounts here: %v", err)
	}
	directory := t.TempDir()
	if err := syscall.Mount("tmpfs", directory, "tmpfs", 0, ""); err != nil {
		t.Skipf("no mounts here: %v", err)
	}
	t.Cleanup(func() { syscall.Unmount(directory, syscall.MNT_DETACH) })
	return directory
}

func TestVolumes(t *testing.T) {
	directory := separateMounts(t)
	write(t, directory+"/a/lower/file", "a")
	write(t, directory+"/b/lower/file", "b")
	for _, path := range []string{"/a/merged", "/a/tmp", "/b/merged"} {
		os.MkdirAll(directory+path, 0o755)
	}
	var text strings.Builder
	if status := mountVolumes(directory, logger{out: &text, level: infoLevel}); status != 0 {
		if strings.Contains(text.String(), "no such device") {
			t.Skip("this kernel has no overlay")
		}
		t.Errorf("status %d", status)
	}
	if want := "Volume a is read-write\nVolume b is read-only\n"; text.String() != want {
		t.Errorf("%q", text.String())
	}
	write(t, directory+"/a/merged/file", "changed")
	if read(t, directory+"/a/merged/file") != "changed" || read(t, directory+"/a/lower/file") != "a" {
		t.Error("changes of a are not kept apart")
	}
	if read(t, directory+"/b/merged/file") != "b" {
		t.Error("b is not there")
	}
	if err := os.WriteFile(directory+"/b/merged/file", nil, 0o644); !errors.Is(err, syscall.EROFS) {
		t.Errorf("b is writable: %v", err)
	}
}

func TestVolumeFailures(t *testing.T) {
	var text strings.Builder
	log := logger{out: &text, level: infoLevel}
	if status := mountVolumes(t.TempDir()+"/missing", log); status != 1 || text.Len() != 0 {
		t.Errorf("status %d, %q", status, text.String())
	}
	directory := t.TempDir()
	os.MkdirAll(directory+"/broken/lower", 0o755)
	os.MkdirAll(directory+"/later", 0o755)
	status := mountVolumes(directory, log)
	if status != 1 || !strings.Contains(text.String(), "broken/merged is missing") || strings.Contains(text.String(), "later") {
		t.Errorf("status %d, %q", status, text.String())
	}
}
