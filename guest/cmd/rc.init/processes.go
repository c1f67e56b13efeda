package main

import (
	"math"
	"os"
	"path/filepath"
	"syscall"
)

const (
	// From linux/prctl.h and asm-generic/resource.h; package syscall lacks them.
	setChildSubreaper = 36
	limitProcesses    = 6

	// The kernel's own upper bound, the default of fs.nr_open.
	openFiles = 1 << 20
)

// raiseLimits sets the limits of this process, which all hooks, services and
// containers inherit unless theirs are set.
func raiseLimits() {
	set := func(resource int, value uint64) {
		limit := syscall.Rlimit{Cur: value, Max: value}
		report(os.NewSyscallError("setrlimit", syscall.Setrlimit(resource, &limit)))
	}
	set(syscall.RLIMIT_NOFILE, openFiles)
	set(limitProcesses, math.MaxUint64)
}

// becomeSubreaper makes orphaned descendants children of this process.
func becomeSubreaper() error {
	_, _, errno := syscall.Syscall(syscall.SYS_PRCTL, setChildSubreaper, 1, 0)
	if errno != 0 {
		return os.NewSyscallError("prctl", errno)
	}
	return nil
}

// waitForChildren returns when no child is left.
func waitForChildren() {
	for {
		_, err := syscall.Wait4(-1, nil, 0, nil)
		if err != nil && err != syscall.EINTR {
			return
		}
	}
}

// runHooks runs every program in directory, one after the other in the order of
// their names. What a hook returns is its own affair, and what is not a program
// is passed over.
func runHooks(directory string) {
	entries, err := os.ReadDir(directory)
	if err != nil {
		report(err)
		return
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		report(err)
		return
	}
	defer null.Close()
	for _, entry := range entries {
		path := filepath.Join(directory, entry.Name())
		if information, err := os.Stat(path); err != nil || !information.Mode().IsRegular() {
			continue
		}
		files := []*os.File{null, os.Stdout, os.Stderr}
		hook, err := os.StartProcess(path, []string{path}, &os.ProcAttr{Files: files})
		if err != nil {
			continue
		}
		_, err = hook.Wait()
		report(err)
	}
}
