// Command crypto opens an encrypted device as /dev/mapper/NAME, and makes a file
// system on it when there is none.
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"linuxkit/guest/internal/cryptsetup"
	"linuxkit/guest/internal/disks"
	"linuxkit/guest/internal/tool"
)

// keyDirectory is where keys are that are given by name.
const keyDirectory = "/etc/dm-crypt"

func main() {
	log.SetFlags(0)
	key, luks := "key", false
	for _, name := range []string{"k", "key", "key-file"} {
		flag.StringVar(&key, name, key, "file with the key, in "+keyDirectory+" unless it is an absolute path")
	}
	for _, name := range []string{"l", "luks"} {
		flag.BoolVar(&luks, name, false, "use LUKS, which is made when it is missing")
	}
	flag.Usage = func() {
		fmt.Fprintln(os.Stderr, "Usage: crypto [options] NAME DEVICE")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() != 2 {
		flag.Usage()
		os.Exit(1)
	}
	if err := run(flag.Arg(0), flag.Arg(1), keyPath(key), luks); err != nil {
		log.Fatal(err)
	}
}

func keyPath(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(keyDirectory, name)
}

func run(name, device, key string, luks bool) error {
	if _, err := os.Stat(key); err != nil {
		return fmt.Errorf("cannot use the key: %w", err)
	}
	if luks {
		if err := openLuks(device, name, key); err != nil {
			return err
		}
	} else if err := cryptsetup.OpenPlain(device, name, key); err != nil {
		return err
	}
	return provideFileSystem("/dev/mapper/" + name)
}

func openLuks(device, name, key string) error {
	if !cryptsetup.IsLuks(device) {
		log.Printf("%s is no LUKS device: making one", device)
		if err := cryptsetup.FormatLuks(device, key); err != nil {
			return err
		}
	}
	return cryptsetup.OpenLuks(device, name, key)
}

// provideFileSystem makes an ext4 on a device that holds nothing that is known.
func provideFileSystem(device string) error {
	content, err := disks.Probe(device)
	if err != nil {
		return err
	}
	if !content.IsEmpty() {
		log.Printf("%s has content: %v", device, content)
		return nil
	}
	log.Printf("%s is empty: making a file system", device)
	// What is then on the disk does not tell which parts of it are in use.
	if err := disks.Overwrite(device); err != nil {
		return err
	}
	_, err = tool.Run("mkfs.ext4", "-q", device)
	return err
}
