// Package loop makes block devices of files. See loop(4) and linux/loop.h.
package loop

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"syscall"
	"unsafe"
)

// Requests of linux/loop.h.
const (
	configure = 0x4C0A // LOOP_CONFIGURE
	addDevice = 0x4C80 // LOOP_CTL_ADD
	getFree   = 0x4C82 // LOOP_CTL_GET_FREE
)

// Flags of linux/loop.h.
const (
	readOnly  = 1 // LO_FLAGS_READ_ONLY
	autoClear = 4 // LO_FLAGS_AUTOCLEAR: the device is free again when its last user is gone
)

// info is struct loop_info64 of linux/loop.h.
type info struct {
	device, inode, rdevice             uint64
	offset, sizeLimit                  uint64
	number, encryption, keySize, flags uint32
	fileName, cryptName                [64]byte
	key                                [32]byte
	init                               [2]uint64
}

// configuration is struct loop_config of linux/loop.h.
type configuration struct {
	file      uint32
	blockSize uint32
	info      info
	reserved  [8]uint64
}

// AttachReadOnly makes a read-only block device of the file at path, opened.
// The device lasts as long as it is open or mounted.
func AttachReadOnly(path string) (*os.File, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	control, err := os.OpenFile("/dev/loop-control", os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer control.Close()
	for {
		number, _, errno := syscall.Syscall(syscall.SYS_IOCTL, control.Fd(), getFree, 0)
		if errno != 0 {
			return nil, os.NewSyscallError("LOOP_CTL_GET_FREE", errno)
		}
		device, err := os.Open(fmt.Sprintf("/dev/loop%d", number))
		if err != nil {
			return nil, err
		}
		wanted := configuration{file: uint32(file.Fd()), info: info{flags: readOnly | autoClear}}
		_, _, errno = syscall.Syscall(syscall.SYS_IOCTL, device.Fd(), configure, uintptr(unsafe.Pointer(&wanted)))
		if errno == 0 {
			return device, nil
		}
		device.Close()
		// Somebody else was faster.
		if errno != syscall.EBUSY {
			return nil, os.NewSyscallError("LOOP_CONFIGURE", errno)
		}
	}
}

var deviceNumber = regexp.MustCompile(`^/dev/loop(0|[1-9][0-9]*)$`)

// Attach makes the block device that is named (/dev/loop0, ...) of a file. It
// lasts until somebody detaches it.
func Attach(file *os.File, device string) error {
	digits := deviceNumber.FindStringSubmatch(device)
	if digits == nil {
		return fmt.Errorf("%s is not a loop device", device)
	}
	number, err := strconv.Atoi(digits[1])
	if err != nil {
		return err
	}
	// Opening it loads the driver, and the devices are made when they are asked for.
	control, err := os.OpenFile("/dev/loop-control", os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer control.Close()
	_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, control.Fd(), addDevice, uintptr(number))
	if errno != 0 && errno != syscall.EEXIST {
		return os.NewSyscallError("LOOP_CTL_ADD", errno)
	}
	node, err := os.OpenFile(device, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer node.Close()
	wanted := configuration{file: uint32(file.Fd())}
	copy(wanted.info.fileName[:len(wanted.info.fileName)-1], file.Name())
	_, _, errno = syscall.Syscall(syscall.SYS_IOCTL, node.Fd(), configure, uintptr(unsafe.Pointer(&wanted)))
	if errno != 0 {
		return fmt.Errorf("%s: %w", device, os.NewSyscallError("LOOP_CONFIGURE", errno))
	}
	return nil
}
