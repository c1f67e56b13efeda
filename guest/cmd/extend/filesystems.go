package main

import (
	"errors"
	"os"
	"syscall"

	"linuxkit/guest/internal/mount"
	"linuxkit/guest/internal/tool"
)

// resizer checks a file system, grows its partition, and then the file system.
type resizer func(partition string, grow func() error) error

var resizers = map[string]resizer{"ext4": resizeExt4, "btrfs": resizeBtrfs, "xfs": resizeXfs}

func resizeExt4(partition string, grow func() error) error {
	// resize2fs wants a check that looked at everything.
	if err := checkExt4(partition); err != nil {
		return err
	}
	if err := grow(); err != nil {
		return err
	}
	if _, err := tool.Run("resize2fs", partition); err != nil {
		return err
	}
	return checkExt4(partition)
}

// Exit statuses of e2fsck(8).
const (
	corrected   = 1
	wantsReboot = 2
	uncorrected = 4
)

func checkExt4(partition string) error {
	err := judge(tool.Run("e2fsck", "-f", "-p", partition))
	if tool.Status(err) == uncorrected {
		err = judge(tool.Run("e2fsck", "-f", "-y", partition))
	}
	return err
}

func judge(_ string, err error) error {
	switch status := tool.Status(err); {
	case status == corrected:
		return nil
	case status > 0 && status < uncorrected && status&wantsReboot != 0:
		return errors.New("e2fsck: the file system was repaired, which requires a reboot")
	}
	return err
}

func resizeBtrfs(partition string, grow func() error) error {
	if err := grow(); err != nil {
		return err
	}
	return whileMounted(partition, "btrfs", func(directory string) error {
		_, err := tool.Run("btrfs", "filesystem", "resize", "max", directory)
		return err
	})
}

func resizeXfs(partition string, grow func() error) error {
	if err := grow(); err != nil {
		return err
	}
	err := whileMounted(partition, "xfs", func(directory string) error {
		_, err := tool.Run("xfs_growfs", directory)
		return err
	})
	if err != nil {
		return err
	}
	_, err = tool.Run("xfs_repair", "-n", partition)
	return err
}

// whileMounted calls use while the file system is mounted on a directory of its own.
func whileMounted(partition, kind string, use func(directory string) error) (err error) {
	directory, err := os.MkdirTemp("", "extend")
	if err != nil {
		return err
	}
	defer os.Remove(directory)
	if err := mount.Mount(partition, directory, kind, nil); err != nil {
		return err
	}
	defer func() {
		if unmounted := syscall.Unmount(directory, 0); err == nil && unmounted != nil {
			err = &os.PathError{Op: "umount", Path: directory, Err: unmounted}
		}
	}()
	return use(directory)
}
