package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"linuxkit/guest/internal/mount"
)

// cdrom is a medium with user data: a CD, or any device that is called cidata, as
// what cloud-init calls NoCloud.
type cdrom struct {
	device   string
	userdata []byte
}

// cdroms returns the devices called cidata and the CD drives, without looking into
// them yet.
func cdroms(class, devices string) []provider {
	var list []provider
	seen := map[string]bool{}
	add := func(device string) {
		if !seen[device] {
			seen[device] = true
			list = append(list, &cdrom{device: device})
		}
	}
	entries, _ := os.ReadDir(class) // none: there are no devices
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), "loop") || strings.HasPrefix(entry.Name(), "ram") {
			continue
		}
		device := filepath.Join(devices, entry.Name())
		// An empty drive, or one with a broken medium, is no cidata.
		if found, err := readFilesystem(device); err == nil && (found.label == "cidata" || found.label == "CIDATA") {
			add(device)
		}
	}
	drives, _ := filepath.Glob(filepath.Join(devices, "sr[0-9]*"))
	for _, drive := range drives {
		add(drive)
	}
	return list
}

func (c *cdrom) String() string { return "CDROM " + c.device }

func (c *cdrom) probe() error {
	found, err := readFilesystem(c.device)
	if err != nil {
		return err
	}
	if found.kind == "" {
		return errors.New("neither ISO 9660 nor FAT is on it")
	}
	directory, err := os.MkdirTemp("", "cdrom")
	if err != nil {
		return err
	}
	defer os.Remove(directory)
	if err := mount.Mount(c.device, directory, found.kind, []string{"ro"}); err != nil {
		return err
	}
	defer syscall.Unmount(directory, 0)
	c.userdata, err = readUserdata(directory)
	return err
}

// readUserdata reads the file that cloud-init's NoCloud has, or LinuxKit's own.
func readUserdata(directory string) ([]byte, error) {
	names := []string{"user-data", "config"}
	for _, name := range names {
		if userdata, err := os.ReadFile(filepath.Join(directory, name)); err == nil && len(userdata) > 0 {
			return userdata, nil
		}
	}
	return nil, fmt.Errorf("none of %s is on it", strings.Join(names, ", "))
}

func (c *cdrom) extract(store) ([]byte, error) { return c.userdata, nil }
