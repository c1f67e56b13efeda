// Command init is /init of an initramfs: it moves the system from the kernel's
// first root into a tmpfs of its own and starts /sbin/init there.
//
// The kernel refuses pivot_root(2), which container runtimes need, in its first
// root: that file system has no parent to put the old root into.
//
// An initramfs may also hold just this program, some modules and a description
// of the file system that the system is on; then that is mounted, see
// mountroot.go.
package main

import (
	"fmt"
	"os"
	"syscall"

	"linuxkit/guest/internal/rootfs"
)

const (
	newRoot = "/mnt"
	next    = "/sbin/init"
)

// File system types of linux/magic.h.
const (
	ramfsMagic = 0x858458f6
	tmpfsMagic = 0x01021994
)

func main() {
	err := run()
	// The kernel panics when its first process ends.
	fmt.Fprintln(os.Stderr, "init:", err)
	os.Exit(1)
}

// run only returns when something failed.
func run() error {
	described, err := readDescription(descriptionFile)
	if err != nil {
		return err
	}
	if described != nil {
		if err := mountRoot(described); err != nil {
			return err
		}
		return start()
	}
	var root syscall.Statfs_t
	if err := syscall.Statfs("/", &root); err != nil {
		return os.NewSyscallError("statfs", err)
	}
	if magic := uint32(root.Type); magic == ramfsMagic || magic == tmpfsMagic {
		if err := switchRoot(); err != nil {
			return err
		}
	}
	return start()
}

// start becomes the system's init.
func start() error {
	return &os.PathError{Op: "exec", Path: next, Err: syscall.Exec(next, []string{next}, os.Environ())}
}

// switchRoot makes a tmpfs with all that is in / the new /.
//
// The tmpfs may fill all memory, not the half that is the default: what it gets
// is in memory already, so the limit could only turn a boot that works into a
// panic, and later nothing grows it, as rc.init makes it read-only.
func switchRoot() error {
	if err := os.MkdirAll(newRoot, 0o755); err != nil {
		return err
	}
	if err := syscall.Mount("rootfs", newRoot, "tmpfs", 0, "size=100%,mode=755"); err != nil {
		return &os.PathError{Op: "mount", Path: newRoot, Err: err}
	}
	if err := rootfs.Move("/", newRoot); err != nil {
		return err
	}
	return enterNewRoot()
}

// enterNewRoot makes what is mounted on newRoot the new /.
func enterNewRoot() error {
	if err := os.Chdir(newRoot); err != nil {
		return err
	}
	if err := syscall.Mount(".", "/", "", syscall.MS_MOVE, ""); err != nil {
		return &os.PathError{Op: "move mount", Path: newRoot, Err: err}
	}
	if err := syscall.Chroot("."); err != nil {
		return os.NewSyscallError("chroot", err)
	}
	return os.Chdir("/")
}
