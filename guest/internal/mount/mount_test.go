package mount

import (
	"bufio"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

func TestParseOptions(t *testing.T) {
	const relatime, ro = syscall.MS_RELATIME, syscall.MS_RDONLY
	for text, want := range map[string]Options{
		"":                             {},
		"defaults":                     {},
		"ro,nosuid,nodev":              {Flags: ro | syscall.MS_NOSUID | syscall.MS_NODEV},
		"ro,noexec,rw,exec":            {},
		"rw,ro":                        {Flags: ro},
		"relatime,size=1m,mode=755":    {Flags: relatime, Data: "size=1m,mode=755"},
		"remount,private":              {Flags: syscall.MS_REMOUNT, Propagation: syscall.MS_PRIVATE},
		"rbind,rshared":                {Flags: syscall.MS_BIND | syscall.MS_REC, Propagation: syscall.MS_SHARED | syscall.MS_REC},
		"rslave":                       {Propagation: syscall.MS_SLAVE | syscall.MS_REC},
		"lowerdir=/a,upperdir=/b,user": {Data: "lowerdir=/a,upperdir=/b,user"},
	} {
		if got := ParseOptions(strings.FieldsFunc(text, func(r rune) bool { return r == ',' })); got != want {
			t.Errorf("%s: %+v, want %+v", text, got, want)
		}
	}
}

// enterMounts gives the test's thread its own mount namespace with everything
// shared, as in a booted image. The thread ends with the test.
func enterMounts(t *testing.T) string {
	t.Helper()
	runtime.LockOSThread()
	if err := syscall.Unshare(syscall.CLONE_NEWNS); err != nil {
		t.Skipf("no new mount namespace here: %v", err)
	}
	if err := syscall.Mount("", "/", "", syscall.MS_PRIVATE|syscall.MS_REC, ""); err != nil {
		t.Skipf("no private mounts here: %v", err)
	}
	directory := t.TempDir()
	if err := Mount("tmpfs", directory, "tmpfs", []string{"shared"}); err != nil {
		t.Skipf("no mounts here: %v", err)
	}
	t.Cleanup(func() { syscall.Unmount(directory, syscall.MNT_DETACH) })
	return directory
}

// state returns the options and the optional fields (propagation) of the mount
// on path, see proc_pid_mountinfo(5).
func state(t *testing.T, path string) (options, propagation string) {
	t.Helper()
	file, err := os.Open("/proc/thread-self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		before, _, _ := strings.Cut(lines.Text(), " - ")
		if fields := strings.Fields(before); fields[4] == path {
			options, propagation = fields[5], strings.Join(fields[6:], " ")
		}
	}
	return options, propagation
}

func TestPropagationIsChanged(t *testing.T) {
	directory := enterMounts(t)
	target := filepath.Join(directory, "tmp")
	os.Mkdir(target, 0o755)
	if err := Mount("tmpfs", target, "tmpfs", nil); err != nil {
		t.Fatal(err)
	}
	if _, propagation := state(t, target); !strings.HasPrefix(propagation, "shared:") {
		t.Errorf("new mount: %q", propagation)
	}
	if err := Mount("", target, "", []string{"remount", "private"}); err != nil {
		t.Fatal(err)
	}
	if _, propagation := state(t, target); propagation != "" {
		t.Errorf("after remount,private: %q", propagation)
	}
	if err := Mount("", target, "", []string{"rshared"}); err != nil {
		t.Fatal(err)
	}
	if _, propagation := state(t, target); !strings.HasPrefix(propagation, "shared:") {
		t.Errorf("after rshared: %q", propagation)
	}
}

func TestReadOnlyBind(t *testing.T) {
	directory := enterMounts(t)
	source, target := filepath.Join(directory, "source"), filepath.Join(directory, "target")
	os.Mkdir(source, 0o755)
	os.Mkdir(target, 0o755)
	if err := Mount(source, target, "", []string{"bind", "ro", "nosuid", "rprivate"}); err != nil {
		t.Fatal(err)
	}
	if options, propagation := state(t, target); !strings.HasPrefix(options, "ro,nosuid") || propagation != "" {
		t.Errorf("%q %q", options, propagation)
	}
	if err := os.WriteFile(filepath.Join(target, "file"), nil, 0o644); !errors.Is(err, syscall.EROFS) {
		t.Errorf("write: %v", err)
	}
	if err := os.WriteFile(filepath.Join(source, "file"), nil, 0o644); err != nil {
		t.Errorf("the source changed too: %v", err)
	}
}

func TestMountError(t *testing.T) {
	directory := enterMounts(t)
	err := Mount("none", filepath.Join(directory, "missing"), "tmpfs", nil)
	if !errors.Is(err, syscall.ENOENT) || !strings.Contains(err.Error(), "missing") {
		t.Errorf("%v", err)
	}
}
