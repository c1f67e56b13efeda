package main

import (
	"errors"
	"os"
	"syscall"
)

// mountPoint is one line of the table of mounts.
type mountPoint struct {
	kind     string // file system type
	path     string
	flags    uintptr
	data     string
	optional bool // depends on the kernel, or on a module: failure is not worth a word
	content  []node
}

// Abbreviations for the table: `locked` allows no device nodes, set-user-ID
// programs or execution.
const (
	locked = syscall.MS_NODEV | syscall.MS_NOSUID | syscall.MS_NOEXEC
	plain  = locked | syscall.MS_RELATIME
)

// systemMounts are made in this order. Once the root is read-only, /run, /tmp
// and /var are what can be written. See Documentation/filesystems/ for each type
// and its options.
var systemMounts = []mountPoint{
	{kind: "proc", path: "/proc", flags: plain},
	{path: "/", flags: syscall.MS_REMOUNT | syscall.MS_RDONLY, optional: true},
	{kind: "tmpfs", path: "/run", flags: plain, data: "size=10%,mode=755"},
	{kind: "tmpfs", path: "/tmp", flags: plain, data: "size=10%,mode=1777"},
	{kind: "tmpfs", path: "/var", flags: plain, data: "size=50%,mode=755", content: variableFiles},
	{kind: "devtmpfs", path: "/dev", flags: syscall.MS_NOSUID | syscall.MS_NOEXEC | syscall.MS_RELATIME,
		data: "size=10m,nr_inodes=248418,mode=755", content: devices},
	{kind: "mqueue", path: "/dev/mqueue", flags: locked},
	{kind: "tmpfs", path: "/dev/shm", flags: locked, data: "mode=1777"},
	{kind: "devpts", path: "/dev/pts", flags: syscall.MS_NOSUID | syscall.MS_NOEXEC, data: "gid=5,mode=0620"},
	{kind: "sysfs", path: "/sys", flags: locked},
	{kind: "securityfs", path: "/sys/kernel/security", flags: locked, optional: true},
	{kind: "debugfs", path: "/sys/kernel/debug", flags: locked, optional: true},
	{kind: "configfs", path: "/sys/kernel/config", flags: locked, optional: true},
	{kind: "fusectl", path: "/sys/fs/fuse/connections", flags: locked, optional: true},
	{kind: "selinuxfs", path: "/sys/fs/selinux", flags: syscall.MS_NOSUID | syscall.MS_NOEXEC, optional: true},
	{kind: "pstore", path: "/sys/fs/pstore", flags: locked, optional: true},
	{kind: "bpf", path: "/sys/fs/bpf", flags: syscall.MS_NODEV, optional: true},
	{kind: "efivarfs", path: "/sys/firmware/efi/efivars", flags: locked, optional: true},
	{kind: "binfmt_misc", path: "/proc/sys/fs/binfmt_misc", flags: locked, optional: true},
}

// source is the first word of the line in /proc/mounts; for these file systems
// it is only a name.
func (point mountPoint) source() string {
	switch {
	case point.kind == "bpf":
		return "bpffs"
	case point.path == "/dev/shm":
		return "shm"
	}
	return point.kind
}

func (point mountPoint) mount() error {
	err := syscall.Mount(point.source(), point.path, point.kind, point.flags, point.data)
	// The same file system is there already: what started us mounted it.
	if err != nil && !errors.Is(err, syscall.EBUSY) {
		if point.optional {
			return nil
		}
		return &os.PathError{Op: "mount " + point.kind + " on", Path: point.path, Err: err}
	}
	for _, node := range point.content {
		report(node.create(point.path))
	}
	return nil
}
