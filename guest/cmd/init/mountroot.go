package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"linuxkit/guest/internal/kernelcmdline"
	"linuxkit/guest/internal/loop"
	"linuxkit/guest/internal/modules"
	"linuxkit/guest/internal/uevent"
)

// kernelMounts are what loading modules and finding devices needs. Of /dev the
// flags are those that rc.init would give it, because it stays.
var kernelMounts = []struct {
	kind, path string
	flags      uintptr
	data       string
}{
	{"proc", "/proc", 0, ""},
	{"sysfs", "/sys", 0, ""},
	{"devtmpfs", "/dev", syscall.MS_NOSUID | syscall.MS_NOEXEC | syscall.MS_RELATIME, "size=10m,nr_inodes=248418,mode=755"},
}

// mountRoot makes the file system that is described the new /.
func mountRoot(described *description) error {
	for _, mount := range kernelMounts {
		if err := os.MkdirAll(mount.path, 0o755); err != nil {
			return err
		}
		if err := syscall.Mount(mount.kind, mount.path, mount.kind, mount.flags, mount.data); err != nil {
			return &os.PathError{Op: "mount", Path: mount.path, Err: err}
		}
	}
	device, err := openRoot(described)
	if err != nil {
		return err
	}
	defer device.Close()
	if err := os.MkdirAll(newRoot, 0o755); err != nil {
		return err
	}
	if err := syscall.Mount(device.Name(), newRoot, described.kind, syscall.MS_RDONLY, ""); err != nil {
		return fmt.Errorf("mount %s (%s): %w", device.Name(), described.kind, err)
	}
	// Its modules are loaded, and the root has its own.
	if err := os.RemoveAll("/lib"); err != nil {
		return err
	}
	if err := syscall.Mount("/dev", filepath.Join(newRoot, "dev"), "", syscall.MS_MOVE, ""); err != nil {
		return &os.PathError{Op: "move mount", Path: "/dev", Err: err}
	}
	// rc.init takes a /proc that is there already for a sign of a container.
	for _, path := range []string{"/sys", "/proc"} {
		if err := syscall.Unmount(path, 0); err != nil {
			return &os.PathError{Op: "unmount", Path: path, Err: err}
		}
	}
	return enterNewRoot()
}

// openRoot finds the block device of the root, and loads whatever modules that
// needs.
func openRoot(described *description) (*os.File, error) {
	loader, err := newLoader()
	if err != nil {
		return nil, err
	}
	for _, name := range described.modules {
		if err := loader(name); err != nil {
			return nil, err
		}
	}
	if described.file != "" {
		return loop.AttachReadOnly(described.file)
	}
	// Before the devices are walked, so that none falls between the two.
	events, err := uevent.Listen()
	if err != nil {
		return nil, err
	}
	defer events.Close()
	finder := deviceFinder{namedRoot(kernelcmdline.Words()), described.identity, "/sys/class/block", "/dev"}
	deadline := time.Now().Add(deviceLimit)
	path, err := waitForDevice(
		events,
		func(visit func(string)) { uevent.Walk("/sys/devices", visit) },
		// Of most devices the module is not here, because no disk hangs on them.
		func(modalias string) { _ = loader(modalias) },
		finder.find,
		func() bool { return time.Now().After(deadline) },
	)
	if err != nil {
		return nil, fmt.Errorf("%w (%s)", err, finder.describeSearch())
	}
	return os.Open(path)
}

// newLoader returns what loads the modules of a name or an alias. A kernel
// without modules has everything built in.
func newLoader() (func(name string) error, error) {
	release, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return nil, err
	}
	index, err := modules.ReadIndex(filepath.Join("/lib/modules", string(release[:len(release)-1])))
	if errors.Is(err, os.ErrNotExist) {
		return func(string) error { return nil }, nil
	}
	if err != nil {
		return nil, err
	}
	return modules.NewLoader(index, modules.ReadSettings("/etc/modprobe.d", kernelcmdline.Words())).Load, nil
}
