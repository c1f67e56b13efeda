// Command mountie mounts a file system that it finds by its device, label or
// UUID, or else the first one of Linux that is not in use.
package main

import (
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"strings"

	"linuxkit/guest/internal/disks"
	"linuxkit/guest/internal/tool"
)

type wanted struct{ device, label, uuid string }

func main() {
	var wanted wanted
	flag.StringVar(&wanted.device, "device", "", "mount this device")
	flag.StringVar(&wanted.label, "label", "", "mount the file system of this name")
	flag.StringVar(&wanted.uuid, "uuid", "", "mount the file system of this UUID")
	flag.Usage = func() {
		fmt.Fprintln(os.Stderr, "Usage: mountie [options] [DEVICE] DIRECTORY\nWithout a device the first partition of Linux that is not in use is mounted.")
		flag.PrintDefaults()
	}
	flag.Parse()
	directory := flag.Arg(0)
	switch flag.NArg() {
	case 1:
	case 2:
		wanted.device, directory = flag.Arg(0), flag.Arg(1)
	default:
		log.Print("need a directory to mount on")
		flag.Usage()
		os.Exit(1)
	}
	if err := mount(wanted, directory); err != nil {
		log.Fatal(err)
	}
	if err := linkAll("/dev/disk"); err != nil {
		log.Print(err)
	}
}

func mount(wanted wanted, directory string) error {
	if err := os.MkdirAll(directory, 0o755); err != nil {
		return err
	}
	device, err := find(wanted)
	if err != nil {
		return err
	}
	if _, err := tool.Run("mount", device, directory); err != nil {
		return fmt.Errorf("cannot mount %s on %s: %w", device, directory, err)
	}
	return nil
}

func find(wanted wanted) (string, error) {
	switch {
	case wanted.device != "":
		return wanted.device, nil
	case wanted.label != "":
		return findContent("label "+wanted.label, func(content disks.Content) bool { return content.Label() == wanted.label })
	case wanted.uuid != "":
		// Those of FAT and NTFS are upper case, but people write them as they like.
		return findContent("UUID "+wanted.uuid, func(content disks.Content) bool { return strings.EqualFold(content.Uuid(), wanted.uuid) })
	}
	return findUnused()
}

func findContent(description string, matches func(disks.Content) bool) (string, error) {
	devices, err := disks.All()
	if err != nil {
		return "", err
	}
	for _, device := range devices {
		// A drive without a medium cannot be read, and is not what is wanted.
		if content, err := disks.Probe(device); err == nil && matches(content) {
			return device, nil
		}
	}
	return "", fmt.Errorf("no file system has the %s", description)
}

// findUnused returns the first partition of Linux that is not in use.
func findUnused() (string, error) {
	drives, err := disks.Drives()
	if err != nil {
		return "", err
	}
	for _, drive := range drives {
		partitions, err := disks.PartitionsOf(drive)
		if err != nil {
			return "", err
		}
		if len(partitions) == 0 {
			log.Printf("No partition table found on device %s. Skipping.", drive)
		}
		for _, partition := range partitions {
			content, err := disks.Probe(partition)
			if err != nil {
				return "", err
			}
			if content.IsLinuxPartition() && !disks.InUse(partition) {
				return partition, nil
			}
		}
	}
	return "", errors.New("No eligible disks found")
}
