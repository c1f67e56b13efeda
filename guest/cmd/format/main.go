// Command format makes one partition with a file system on a disk that holds
// nothing yet.
package main

import (
	"errors"
	"flag"
	"fmt"
	"log"
	"os"

	"linuxkit/guest/internal/disks"
	"linuxkit/guest/internal/tool"
)

type options struct {
	force, verbose     bool
	label, kind, table string
}

func main() {
	var options options
	flag.BoolVar(&options.force, "force", false, "format the given device whatever it holds")
	flag.StringVar(&options.label, "label", "", "name of the file system")
	flag.StringVar(&options.kind, "type", "ext4", "file system: ext4, btrfs or xfs")
	flag.StringVar(&options.table, "partition", "dos", "partition table: dos or gpt")
	flag.BoolVar(&options.verbose, "verbose", false, "print what the programs say that do the work")
	flag.Usage = func() {
		fmt.Fprintln(os.Stderr, "Usage: format [options] [DEVICE]\nWithout a device the first empty disk is taken.")
		flag.PrintDefaults()
	}
	flag.Parse()
	if err := run(options, flag.Args()); err != nil {
		log.Fatal(err)
	}
}

func run(options options, arguments []string) error {
	// Before anything is written.
	if _, err := makeFileSystem(options.kind, options.label, ""); err != nil {
		return err
	}
	if options.table != "dos" && options.table != "gpt" {
		return fmt.Errorf("no such partition table: %s; there are dos and gpt", options.table)
	}
	if len(arguments) > 1 {
		return errors.New("only one device can be formatted")
	}
	drive, err := choose(options.force, arguments)
	if err != nil {
		return err
	}
	return format(drive, options)
}

// choose returns the given device, or the first disk, that is empty.
func choose(force bool, arguments []string) (string, error) {
	candidates := arguments
	if len(arguments) == 1 {
		if err := disks.CheckBlockDevice(arguments[0]); err != nil {
			return "", err
		}
		if force {
			return arguments[0], nil
		}
	} else {
		var err error
		if candidates, err = disks.Drives(); err != nil {
			return "", err
		}
	}
	for _, candidate := range candidates {
		isEmpty, err := isEmpty(candidate)
		if err != nil {
			return "", err
		}
		if isEmpty {
			return candidate, nil
		}
	}
	return "", errors.New("No eligible disks found")
}

func isEmpty(drive string) (bool, error) {
	content, err := disks.Probe(drive)
	if err != nil {
		return false, err
	}
	if !content.IsEmpty() {
		log.Printf("%s has content. blkid returned: %v", drive, content)
		return false, nil
	}
	if disks.InUse(drive) {
		log.Printf("%s is in use.", drive)
		return false, nil
	}
	return true, nil
}

func format(drive string, options options) error {
	log.Printf("Creating partition on %s", drive)
	if err := disks.CreateTable(drive, options.table); err != nil {
		return fmt.Errorf("cannot partition %s: %w", drive, err)
	}
	partition := disks.Partition(drive, 1)
	if err := disks.WaitFor(partition); err != nil {
		return err
	}
	command, err := makeFileSystem(options.kind, options.label, partition)
	if err != nil {
		return err
	}
	output, err := tool.Run(command[0], command[1:]...)
	if err != nil {
		return fmt.Errorf("cannot make a file system on %s: %w", partition, err)
	}
	if options.verbose {
		log.Print(output)
	}
	log.Printf("Partition %s successfully created!", partition)
	return nil
}

// makeFileSystem is the command that makes a file system, whatever the
// partition held before.
func makeFileSystem(kind, label, partition string) ([]string, error) {
	force := "-f"
	switch kind {
	case "ext4":
		force = "-F"
	case "btrfs", "xfs":
	default:
		return nil, fmt.Errorf("no such file system: %s; there are ext4, btrfs and xfs", kind)
	}
	command := []string{"mkfs." + kind, force}
	if label != "" {
		command = append(command, "-L", label)
	}
	return append(command, partition), nil
}
