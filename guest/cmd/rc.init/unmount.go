package main

import (
	"fmt"
	"strings"
	"syscall"
)

// mounted is a file system that must not just be dropped when power goes.
type mounted struct {
	path   string
	remote bool
}

// disksLastFirst reads the text of /proc/mounts. It returns the file systems on
// disks, those that lie over one, and those of servers; the last mounted first,
// since it may lie inside an earlier one.
func disksLastFirst(mounts string) []mounted {
	var disks []mounted
	lines := strings.Split(mounts, "\n")
	for i := len(lines) - 1; i >= 0; i-- {
		fields := strings.Fields(lines[i])
		if len(fields) < 3 {
			continue
		}
		source, path, kind := fields[0], unescape(fields[1]), fields[2]
		switch kind {
		case "nfs", "nfs4", "cifs":
			disks = append(disks, mounted{path, true})
		case "overlay":
			disks = append(disks, mounted{path, false})
		default:
			if strings.HasPrefix(source, "/dev/") {
				disks = append(disks, mounted{path, false})
			}
		}
	}
	return disks
}

// unescape undoes what the kernel's mangle() does to white space and
// backslashes in /proc/mounts.
func unescape(path string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(path)
}

// release unmounts. A file system that is still used is made read-only, which
// leaves it as clean, and is unmounted as soon as its users are gone.
func (mounted mounted) release() error {
	if mounted.remote {
		// The network may be gone, and with it the server's answer.
		return mounted.unmount(syscall.MNT_DETACH)
	}
	err := mounted.unmount(0)
	if err == nil || mounted.path == "/" {
		return err
	}
	if syscall.Mount("", mounted.path, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, "") == nil {
		err = nil
	}
	if detached := mounted.unmount(syscall.MNT_DETACH); err == nil {
		err = detached
	}
	return err
}

func (mounted mounted) unmount(flags int) error {
	if err := syscall.Unmount(mounted.path, flags); err != nil {
		return fmt.Errorf("error unmounting %s: %w", mounted.path, err)
	}
	return nil
}
