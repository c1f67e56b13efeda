package main

import (
	"os"
	"path/filepath"
	"reflect"
	"syscall"
	"testing"
	"time"
)

func TestDisksLastFirst(t *testing.T) {
	mounts := `rootfs / tmpfs ro,relatime 0 0
devtmpfs /dev devtmpfs rw 0 0
/dev/sda1 /var ext4 rw,relatime 0 0
overlay /var/with\040blank\134 overlay rw,lowerdir=/a 0 0
tmpfs /var/tmp tmpfs rw 0 0
10.0.0.1:/x /mnt/nfs nfs4 rw 0 0
/dev/sdb /var/data f2fs rw 0 0

`
	want := []mounted{{"/var/data", false}, {"/mnt/nfs", true}, {`/var/with blank\`, false}, {"/var", false}}
	if got := disksLastFirst(mounts); !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestReleaseBusy(t *testing.T) {
	directory := t.TempDir()
	if err := syscall.Mount("test", directory, "tmpfs", 0, ""); err != nil {
		t.Skipf("no tmpfs can be mounted here: %v", err)
	}
	t.Cleanup(func() { syscall.Unmount(directory, syscall.MNT_DETACH) })
	writeFile(t, filepath.Join(directory, "file"), "x", 0o644)
	user, err := os.Open(filepath.Join(directory, "."))
	if err != nil {
		t.Fatal(err)
	}
	defer user.Close()
	if err := (mounted{path: directory}).release(); err != nil {
		t.Error(err)
	}
	if exists(filepath.Join(directory, "file")) {
		t.Error("still mounted")
	}
	if err := syscall.Fchdir(int(user.Fd())); err != nil {
		t.Fatal(err)
	}
	defer os.Chdir("/")
	if err := os.WriteFile("file", nil, 0o644); err == nil {
		t.Error("its user can still write")
	}
	if err := (mounted{path: directory}).release(); err == nil {
		t.Error("released what is not mounted")
	}
}

func TestOthersRun(t *testing.T) {
	proc := t.TempDir()
	process := func(pid, status string) { writeFile(t, filepath.Join(proc, pid, "stat"), status, 0o444) }
	const zeros = " 0 0 0 0\n"
	process("1", "1 (init) S 0 1 1 0 -1 4194560"+zeros)
	process("2", "2 (kthreadd) S 0 0 0 0 -1 2129984"+zeros)
	process("40", "40 (rc.shutdown) R 1 1 1 0 -1 4194304"+zeros)
	process("41", "41 (a) b) Z 1 1 1 0 -1 4194304"+zeros)
	writeFile(t, filepath.Join(proc, "version"), "", 0o444)
	if othersRun(proc, 40) {
		t.Error("counted PID 1, a kernel thread, a zombie or itself")
	}
	waitForOthers(proc, 40, time.Now().Add(time.Hour))
	process("42", "42 (sh) Z) S 1 1 1 0 -1 4194304"+zeros)
	if !othersRun(proc, 40) {
		t.Error("missed a process with an odd name")
	}
	waitForOthers(proc, 40, time.Now())
}
