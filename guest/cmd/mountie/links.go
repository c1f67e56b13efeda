package main

import (
	"os"
	"path/filepath"

	"linuxkit/guest/internal/disks"
)

// linkAll makes the links by which other programs find file systems where udev
// runs: by-label/NAME and by-uuid/UUID below directory.
func linkAll(directory string) error {
	devices, err := disks.All()
	if err != nil {
		return err
	}
	for _, kind := range []string{"by-label", "by-uuid"} {
		if err := os.MkdirAll(filepath.Join(directory, kind), 0o755); err != nil {
			return err
		}
	}
	var failure error
	for _, device := range devices {
		content, err := disks.Probe(device)
		if err != nil {
			// There is no medium in it.
			continue
		}
		for path, name := range links(content) {
			if err := link(device, filepath.Join(directory, path, name)); err != nil && failure == nil {
				failure = err
			}
		}
	}
	return failure
}

// links are the names of a file system, in udev's notation, by their directory.
func links(content disks.Content) map[string]string {
	found := map[string]string{}
	for directory, key := range map[string]string{"by-label": "ID_FS_LABEL_ENC", "by-uuid": "ID_FS_UUID_ENC"} {
		if name := content[key]; name != "" {
			found[directory] = name
		}
	}
	return found
}

// link makes a link two directories above which the device is. The first device
// of a name keeps it.
func link(device, path string) error {
	err := os.Symlink("../../"+filepath.Base(device), path)
	if os.IsExist(err) {
		return nil
	}
	return err
}
