// Command extend makes the only partition of a disk, and the file system in it,
// as large as the disk has become.
package main

import (
	"flag"
	"fmt"
	"log"
	"os"

	"linuxkit/guest/internal/disks"
)

func main() {
	kind := flag.String("type", "ext4", "file system: ext4, btrfs or xfs")
	stop := flag.Bool("stop-on-error", true, "without devices: leave the other disks alone when one cannot be extended")
	flag.Usage = func() {
		fmt.Fprintln(os.Stderr, "Usage: extend [options] [DEVICE...]\nWithout a device every disk with one partition of Linux is extended.")
		flag.PrintDefaults()
	}
	flag.Parse()
	if err := run(*kind, *stop, flag.Args()); err != nil {
		log.Fatal(err)
	}
}

func run(kind string, stop bool, drives []string) error {
	if resizers[kind] == nil {
		return fmt.Errorf("no such file system: %s; there are ext4, btrfs and xfs", kind)
	}
	named := len(drives) > 0
	if !named {
		var err error
		if drives, err = disks.Drives(); err != nil {
			return err
		}
	}
	for _, drive := range drives {
		err := extend(drive, kind)
		if err != nil && (named || stop) {
			return err
		}
		if err != nil {
			log.Print(err)
		}
	}
	return nil
}

func extend(drive, kind string) error {
	if err := disks.CheckBlockDevice(drive); err != nil {
		return err
	}
	content, err := disks.Probe(drive)
	if err != nil {
		return err
	}
	if content["ID_PART_TABLE_TYPE"] == "" {
		log.Printf("No partition table found on device %s. Skipping.", drive)
		return nil
	}
	table, err := disks.ReadTable(drive)
	if err != nil {
		return err
	}
	sectors, err := disks.Sectors(drive)
	if err != nil {
		return err
	}
	entry, reason, err := extensible(table, sectors)
	if err != nil {
		return fmt.Errorf("cannot extend %s: %w", drive, err)
	}
	if reason != "" {
		log.Printf("%s: %s. Skipping.", drive, reason)
		return nil
	}
	// Once the partition is as large as the disk, nobody looks at the file system again.
	content, err = disks.Probe(entry.Node)
	if err == nil && content["ID_FS_TYPE"] != kind {
		err = fmt.Errorf("it holds %q, not %s", content["ID_FS_TYPE"], kind)
	}
	if err == nil {
		err = resizers[kind](entry.Node, func() error { return grow(drive, entry.Node) })
	}
	if err != nil {
		return fmt.Errorf("cannot extend %s: %w", entry.Node, err)
	}
	log.Printf("Successfully resized %s", drive)
	return nil
}

// extensible returns the partition to extend, or the reason why there is nothing to do.
func extensible(table disks.Table, sectors int64) (entry disks.Entry, reason string, err error) {
	if count := len(table.Partitions); count != 1 {
		return disks.Entry{}, fmt.Sprintf("has %d partitions, and only one can be extended", count), nil
	}
	entry = table.Partitions[0]
	if !entry.IsLinux() {
		return disks.Entry{}, "", fmt.Errorf("%s is not a partition of Linux but of type %s", entry.Node, entry.Type)
	}
	if table.Fills(entry, sectors) {
		return disks.Entry{}, "the partition is as large as the disk", nil
	}
	return entry, "", nil
}

func grow(drive, partition string) error {
	if err := disks.ExtendPartition(drive); err != nil {
		return err
	}
	return disks.WaitFor(partition)
}
