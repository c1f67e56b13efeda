package rootfs

import (
	"os"
	"syscall"
	"unsafe"
)

// From linux/fcntl.h; package syscall does not export them.
const (
	atCurrentDirectory  = -100
	atSymlinkNotFollows = 0x100
)

// setAttributes gives path the owner, mode and times of stat. The mode comes
// after the owner, since chown(2) clears the set-user-ID bit; symbolic links
// have none.
func setAttributes(path string, stat *syscall.Stat_t) error {
	if err := os.Lchown(path, int(stat.Uid), int(stat.Gid)); err != nil {
		return err
	}
	if stat.Mode&syscall.S_IFMT != syscall.S_IFLNK {
		if err := syscall.Chmod(path, stat.Mode&0o7777); err != nil {
			return &os.PathError{Op: "chmod", Path: path, Err: err}
		}
	}
	if err := setTimes(path, stat.Atim, stat.Mtim); err != nil {
		return &os.PathError{Op: "utimensat", Path: path, Err: err}
	}
	return nil
}

// setTimes is utimensat(2) without following a symbolic link, which
// syscall.UtimesNano does.
func setTimes(path string, access, modification syscall.Timespec) error {
	name, err := syscall.BytePtrFromString(path)
	if err != nil {
		return err
	}
	directory := atCurrentDirectory
	times := [2]syscall.Timespec{access, modification}
	_, _, errno := syscall.Syscall6(syscall.SYS_UTIMENSAT, uintptr(directory),
		uintptr(unsafe.Pointer(name)), uintptr(unsafe.Pointer(&times)), atSymlinkNotFollows, 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}
