package mount

import (
	"os"
	"syscall"
)

// Mount mounts source of the given type on target. One list of options can need
// several mount(2) calls, because the kernel ignores part of a combined one:
// a bind takes no other flags, and a remount or bind no propagation.
// The error is an *os.PathError for target.
func Mount(source, target, kind string, list []string) error {
	options := ParseOptions(list)
	onlyPropagation := options.Propagation != 0 && (kind == "" || kind == "none") &&
		options.Flags&(syscall.MS_BIND|syscall.MS_REMOUNT) == 0
	if !onlyPropagation {
		if err := call(source, target, kind, options.Flags, options.Data); err != nil {
			return err
		}
	}
	const bind = uintptr(syscall.MS_BIND | syscall.MS_REC)
	if options.Flags&(syscall.MS_BIND|syscall.MS_REMOUNT) == syscall.MS_BIND && options.Flags&^bind != 0 {
		flags := options.Flags&^syscall.MS_REC | syscall.MS_REMOUNT
		if err := call(source, target, "", flags, ""); err != nil {
			return err
		}
	}
	if options.Propagation != 0 {
		return call("", target, "", options.Propagation, "")
	}
	return nil
}

func call(source, target, kind string, flags uintptr, data string) error {
	if err := syscall.Mount(source, target, kind, flags, data); err != nil {
		return &os.PathError{Op: "mount", Path: target, Err: err}
	}
	return nil
}
