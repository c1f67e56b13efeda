package uevent

import (
	"os"
	"path/filepath"
	"syscall"
)

// Walk calls visit with the modalias of every device below root (/sys/devices),
// in the order of names. It reads each `uevent` file, which holds what the
// device's next event would say: the same knowledge as from writing `add` to the
// file, without the event that everybody would receive.
//
// Devices come and go meanwhile, so what cannot be read is passed over.
func Walk(root string, visit func(modalias string)) {
	entries, err := os.ReadDir(root)
	if err != nil {
		return
	}
	for _, entry := range entries {
		if entry.Name() != "uevent" {
			continue
		}
		variables := readAttribute(filepath.Join(root, "uevent"))
		if modalias := variable(variables, "MODALIAS", "\n"); modalias != "" {
			visit(modalias)
		}
	}
	for _, entry := range entries {
		if entry.IsDir() {
			Walk(filepath.Join(root, entry.Name()), visit)
		}
	}
}

// readAttribute returns the text of a sysfs file, which is at most a page and
// comes in one read. os.ReadFile would make twice as many system calls, which
// counts for a thousand devices on an emulated processor.
func readAttribute(path string) string {
	fd, err := syscall.Open(path, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return ""
	}
	defer syscall.Close(fd)
	var page [4096]byte
	length, err := syscall.Read(fd, page[:])
	if err != nil {
		return ""
	}
	return string(page[:length])
}
