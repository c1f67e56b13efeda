// Package disks finds the disks of a machine and says what is on them.
package disks

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// notDrives are the names of block devices that are no disk to put data on by
// default: made of files or of other disks (loop0, dm-0, md0, nbd0), in memory
// (ram0, zram0), removable (sr0, fd0, mmcblk0).
var notDrives = regexp.MustCompile(`^(loop|nbd|dm-)|^[a-z]+[0-9]+$`)

// blockClass is where the kernel lists block devices, see sysfs(5).
const blockClass = "/sys/class/block"

// Drives returns the disks of the machine (/dev/sda, /dev/nvme0n1) in the order
// of their names, without empty and write-protected ones.
func Drives() ([]string, error) {
	return drives(os.DirFS(blockClass))
}

func drives(class fs.FS) ([]string, error) {
	// Sorted by name.
	entries, err := fs.ReadDir(class, ".")
	if err != nil {
		return nil, err
	}
	var found []string
	for _, entry := range entries {
		name := entry.Name()
		if notDrives.MatchString(name) || partitionNumber(class, name) != 0 {
			continue
		}
		if attribute(class, name, "size") == "0" || attribute(class, name, "ro") == "1" {
			continue
		}
		found = append(found, "/dev/"+name)
	}
	return found, nil
}

// PartitionsOf returns the partitions of a drive that the kernel knows, by number.
func PartitionsOf(drive string) ([]string, error) {
	return partitionsOf(os.DirFS(blockClass), drive)
}

func partitionsOf(class fs.FS, drive string) ([]string, error) {
	name := filepath.Base(drive)
	entries, err := fs.ReadDir(class, name)
	if err != nil {
		return nil, err
	}
	numbers := map[string]int{}
	var found []string
	for _, entry := range entries {
		// A partition's directory is both in that of its disk and in the class.
		if number := partitionNumber(class, entry.Name()); number != 0 && strings.HasPrefix(entry.Name(), name) {
			path := "/dev/" + entry.Name()
			found = append(found, path)
			numbers[path] = number
		}
	}
	sort.Slice(found, func(i, j int) bool { return numbers[found[i]] < numbers[found[j]] })
	return found, nil
}

// All returns all block devices, partitions too, in the order of their names.
func All() ([]string, error) {
	entries, err := os.ReadDir(blockClass)
	var found []string
	for _, entry := range entries {
		found = append(found, "/dev/"+entry.Name())
	}
	return found, err
}

// Sectors returns the size of a device in units of 512 bytes.
func Sectors(device string) (int64, error) {
	return strconv.ParseInt(attribute(os.DirFS(blockClass), filepath.Base(device), "size"), 10, 64)
}

// partitionNumber is 0 for what is not a partition.
func partitionNumber(class fs.FS, name string) int {
	number, err := strconv.Atoi(attribute(class, name, "partition"))
	if err != nil {
		return 0
	}
	return number
}

// attribute is empty when the device does not have it.
func attribute(class fs.FS, device, name string) string {
	text, err := fs.ReadFile(class, device+"/"+name)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

// Partition is the path of a drive's partition: /dev/sda1, but /dev/nvme0n1p1.
func Partition(drive string, number int) string {
	if last := drive[len(drive)-1]; last >= '0' && last <= '9' {
		return fmt.Sprintf("%sp%d", drive, number)
	}
	return fmt.Sprintf("%s%d", drive, number)
}

// CheckBlockDevice returns an error for a path that is not a block device.
func CheckBlockDevice(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if info.Mode()&(os.ModeDevice|os.ModeCharDevice) != os.ModeDevice {
		return fmt.Errorf("%s is not a block device", path)
	}
	return nil
}

// InUse tells whether a device is mounted or part of another device: then the
// kernel refuses to open it exclusively, see open(2).
func InUse(device string) bool {
	file, err := os.OpenFile(device, os.O_RDONLY|syscall.O_EXCL, 0)
	if err != nil {
		return errors.Is(err, syscall.EBUSY)
	}
	file.Close()
	return false
}

const (
	nodeInterval = 100 * time.Millisecond
	nodeLimit    = 6 * time.Second
)

// WaitFor returns when the kernel has made the node of a new device.
func WaitFor(device string) error {
	for deadline := time.Now().Add(nodeLimit); ; time.Sleep(nodeInterval) {
		err := CheckBlockDevice(device)
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("waited %v: %w", nodeLimit, err)
		}
	}
}
