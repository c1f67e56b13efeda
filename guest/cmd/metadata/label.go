package main

import (
	"os"
	"strings"
)

// filesystem is what a device holds.
type filesystem struct {
	kind  string // as mount(2) calls it
	label string
}

// readFilesystem recognises ISO 9660 and FAT; of others the kind is empty.
func readFilesystem(device string) (filesystem, error) {
	file, err := os.Open(device)
	if err != nil {
		return filesystem{}, err
	}
	defer file.Close()
	// ECMA-119, 8.4: the primary volume descriptor, in sector 16, has the volume's name in bytes 41 to 72.
	var descriptor [2048]byte
	if _, err := file.ReadAt(descriptor[:], 16*int64(len(descriptor))); err == nil && string(descriptor[1:6]) == "CD001" {
		return filesystem{"iso9660", trimLabel(descriptor[40:72])}, nil
	}
	// Microsoft's FAT specification, section 3: BS_VolLab before BS_FilSysType, at an offset that depends on the kind.
	var sector [512]byte
	if _, err := file.ReadAt(sector[:], 0); err != nil {
		return filesystem{}, err
	}
	switch {
	case sector[510] != 0x55 || sector[511] != 0xAA:
	case string(sector[82:87]) == "FAT32":
		return filesystem{"vfat", trimLabel(sector[71:82])}, nil
	case string(sector[54:57]) == "FAT":
		return filesystem{"vfat", trimLabel(sector[43:54])}, nil
	}
	return filesystem{}, nil
}

func trimLabel(bytes []byte) string {
	return strings.Trim(string(bytes), " \x00")
}
