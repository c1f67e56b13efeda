// Package rootfs moves the tree of an initramfs into another file system.
package rootfs

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// Move moves everything on the file system of from into the directory to, file
// by file, so that at no time much more memory is used than for one copy. Type,
// mode, owner, times and hard links stay. (Extended attributes need no care: a
// newc archive, the kernel's only one, cannot hold any; see
// Documentation/driver-api/early-userspace/buffer-format.rst.)
//
// A directory on another device than from, such as to itself, is made but not
// entered. A socket, or a type that is not known, is an error.
func Move(from, to string) error {
	var root syscall.Stat_t
	if err := syscall.Lstat(from, &root); err != nil {
		return &os.PathError{Op: "lstat", Path: from, Err: err}
	}
	mover := mover{device: uint64(root.Dev), links: map[uint64]string{}}
	return mover.directory(from, to, &root)
}

type mover struct {
	device uint64
	links  map[uint64]string // inode with several names: its first new name
}

// directory fills to, which may exist, and then gives it what stat says: the
// files made in it would change its times again.
func (mover *mover) directory(from, to string, stat *syscall.Stat_t) error {
	if err := os.Mkdir(to, 0o700); err != nil && !os.IsExist(err) {
		return err
	}
	if uint64(stat.Dev) == mover.device {
		entries, err := os.ReadDir(from)
		if err != nil {
			return err
		}
		for _, entry := range entries {
			if err := mover.move(filepath.Join(from, entry.Name()), filepath.Join(to, entry.Name())); err != nil {
				return err
			}
		}
	}
	return setAttributes(to, stat)
}

func (mover *mover) move(from, to string) error {
	var stat syscall.Stat_t
	if err := syscall.Lstat(from, &stat); err != nil {
		return &os.PathError{Op: "lstat", Path: from, Err: err}
	}
	if stat.Mode&syscall.S_IFMT == syscall.S_IFDIR {
		if err := mover.directory(from, to, &stat); err != nil {
			return err
		}
		// Not empty when it is on another device: it is busy.
		_ = syscall.Rmdir(from)
		return nil
	}
	if err := mover.file(from, to, &stat); err != nil {
		return err
	}
	// The rest of the boot works with the file in both places, too.
	_ = syscall.Unlink(from)
	return nil
}

func (mover *mover) file(from, to string, stat *syscall.Stat_t) error {
	if first, moved := mover.links[stat.Ino]; moved {
		return os.Link(first, to)
	}
	if stat.Nlink > 1 {
		mover.links[stat.Ino] = to
	}
	if err := create(from, to, stat); err != nil {
		return err
	}
	return setAttributes(to, stat)
}

// create makes to of the type and with the content of from.
func create(from, to string, stat *syscall.Stat_t) error {
	switch stat.Mode & syscall.S_IFMT {
	case syscall.S_IFREG:
		return copyContent(from, to, stat.Size)
	case syscall.S_IFLNK:
		target, err := os.Readlink(from)
		if err != nil {
			return err
		}
		return os.Symlink(target, to)
	case syscall.S_IFIFO, syscall.S_IFCHR, syscall.S_IFBLK:
		if err := syscall.Mknod(to, stat.Mode, int(stat.Rdev)); err != nil {
			return &os.PathError{Op: "mknod", Path: to, Err: err}
		}
		return nil
	default:
		return fmt.Errorf("%s: cannot move a file of type %#o", from, stat.Mode&syscall.S_IFMT)
	}
}

// copyContent lets the kernel copy, without a detour through this program.
func copyContent(from, to string, size int64) error {
	source, err := syscall.Open(from, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return &os.PathError{Op: "open", Path: from, Err: err}
	}
	defer syscall.Close(source)
	target, err := syscall.Open(to, syscall.O_WRONLY|syscall.O_CREAT|syscall.O_EXCL|syscall.O_CLOEXEC, 0o600)
	if err != nil {
		return &os.PathError{Op: "create", Path: to, Err: err}
	}
	defer syscall.Close(target)
	for size > 0 {
		// What one call of sendfile(2) moves is limited to 2 GiB anyhow.
		const piece = 1 << 30
		request := piece
		if size < piece {
			request = int(size)
		}
		count, err := syscall.Sendfile(target, source, nil, request)
		if err == syscall.EINTR {
			continue
		}
		if err == nil && count == 0 {
			err = syscall.EIO
		}
		if err != nil {
			return &os.PathError{Op: "copy", Path: from, Err: err}
		}
		size -= int64(count)
	}
	return nil
}
