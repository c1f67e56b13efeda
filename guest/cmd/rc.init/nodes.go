package main

import (
	"os"
	"path/filepath"
	"syscall"
)

// node is one thing in a tree that starts empty.
type node struct {
	path         string
	mode         uint32 // with the type, as in mknod(2)
	target       string // of a symbolic link
	major, minor uint32
}

var variableFiles = []node{
	{path: "cache", mode: syscall.S_IFDIR | 0o755},
	{path: "empty", mode: syscall.S_IFDIR | 0o555},
	{path: "lib", mode: syscall.S_IFDIR | 0o755},
	{path: "local", mode: syscall.S_IFDIR | 0o755},
	{path: "lock", mode: syscall.S_IFDIR | 0o755},
	{path: "log", mode: syscall.S_IFDIR | 0o755},
	{path: "opt", mode: syscall.S_IFDIR | 0o755},
	{path: "spool", mode: syscall.S_IFDIR | 0o755},
	{path: "tmp", mode: syscall.S_IFDIR | 0o1777},
	{path: "run", mode: syscall.S_IFLNK, target: "/run"},
}

// devices are those that the kernel, which makes all the others in devtmpfs,
// leaves out or gives another mode. Numbers: Documentation/admin-guide/devices.txt.
var devices = []node{
	{path: "console", mode: syscall.S_IFCHR | 0o600, major: 5, minor: 1},
	{path: "tty1", mode: syscall.S_IFCHR | 0o620, major: 4, minor: 1},
	{path: "tty", mode: syscall.S_IFCHR | 0o666, major: 5, minor: 0},
	{path: "null", mode: syscall.S_IFCHR | 0o666, major: 1, minor: 3},
	{path: "kmsg", mode: syscall.S_IFCHR | 0o660, major: 1, minor: 11},
	{path: "fd", mode: syscall.S_IFLNK, target: "/proc/self/fd"},
	{path: "stdin", mode: syscall.S_IFLNK, target: "/proc/self/fd/0"},
	{path: "stdout", mode: syscall.S_IFLNK, target: "/proc/self/fd/1"},
	{path: "stderr", mode: syscall.S_IFLNK, target: "/proc/self/fd/2"},
	{path: "kcore", mode: syscall.S_IFLNK, target: "/proc/kcore"},
	{path: "mqueue", mode: syscall.S_IFDIR | 0o1777},
	{path: "shm", mode: syscall.S_IFDIR | 0o1777},
	{path: "pts", mode: syscall.S_IFDIR | 0o755},
}

// create makes the node below directory, with its parents. What is there
// already stays.
func (node node) create(directory string) error {
	path := filepath.Join(directory, node.path)
	err := os.MkdirAll(filepath.Dir(path), 0o755)
	if err != nil {
		return err
	}
	switch node.mode & syscall.S_IFMT {
	case syscall.S_IFDIR:
		err = syscall.Mkdir(path, node.mode&0o7777)
	case syscall.S_IFLNK:
		err = syscall.Symlink(node.target, path)
	default:
		err = syscall.Mknod(path, node.mode, deviceNumber(node.major, node.minor))
	}
	if err != nil && err != syscall.EEXIST {
		return &os.PathError{Op: "create", Path: path, Err: err}
	}
	return nil
}

// deviceNumber is new_encode_dev() of linux/kdev_t.h.
func deviceNumber(major, minor uint32) int {
	return int(minor&0xff | major<<8 | minor&^0xff<<12)
}
