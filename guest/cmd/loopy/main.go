// Command loopy makes a block device of a file.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"

	"linuxkit/guest/internal/disks"
	"linuxkit/guest/internal/loop"
)

type options struct {
	create bool
	size   int64 // MiB
	device string
}

// mistake is what the caller did wrong; it ends the program with status 1, and
// all other errors with 2.
var mistake = errors.New("need the file to make a block device of")

func main() {
	options := options{size: 10, device: "/dev/loop0"}
	for _, name := range []string{"c", "create"} {
		flag.BoolVar(&options.create, name, false, "make the file when it is missing")
	}
	for _, name := range []string{"s", "size"} {
		flag.Int64Var(&options.size, name, options.size, "size of a new file, in MiB")
	}
	for _, name := range []string{"d", "dev"} {
		flag.StringVar(&options.device, name, options.device, "the block device")
	}
	flag.Usage = func() {
		fmt.Fprintln(os.Stderr, "Usage: loopy [options] FILE")
		flag.PrintDefaults()
	}
	flag.Parse()
	err := run(options, flag.Args())
	if err == nil {
		return
	}
	fmt.Fprintln(os.Stderr, err)
	if errors.Is(err, mistake) {
		flag.Usage()
		os.Exit(1)
	}
	os.Exit(2)
}

func run(options options, arguments []string) error {
	if len(arguments) != 1 {
		return mistake
	}
	path := arguments[0]
	if options.create {
		if err := createFile(path, options.size<<20); err != nil {
			return err
		}
	}
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer file.Close()
	return loop.Attach(file, options.device)
}

// createFile makes a file of zeros unless it is there.
func createFile(path string, size int64) error {
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return disks.CreateFile(path, size)
}
