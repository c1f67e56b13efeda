// Command swap makes a file to swap memory out to, encrypted or not, and lets
// the kernel use it.
package main

import (
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"unsafe"

	"linuxkit/guest/internal/cryptsetup"
	"linuxkit/guest/internal/disks"
	"linuxkit/guest/internal/tool"
)

// mapping is the name of the encrypted device under /dev/mapper.
const mapping = "swapfile"

type options struct {
	path           string
	size           int64
	encrypt, debug bool
	conditions     []condition
}

func main() {
	log.SetFlags(0)
	options, err := parseOptions(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err == nil {
		err = run(options)
	}
	if err != nil {
		log.Fatal(err)
	}
}

func parseOptions(arguments []string) (options, error) {
	var options options
	flags := flag.NewFlagSet("swap.sh", flag.ContinueOnError)
	flags.StringVar(&options.path, "path", "", "the file, below /var/ (required)")
	flags.Func("size", "its size in bytes, or with K, M or G behind (required)", func(text string) (err error) {
		options.size, err = parseSize(text)
		return err
	})
	flags.BoolVar(&options.encrypt, "encrypt", false, "encrypt with a key that is forgotten when the machine stops")
	flags.BoolVar(&options.debug, "debug", false, "print what is done")
	flags.Func("condition", "part:PATH[:required] or partsize:PATH:SIZE[:required]: do nothing unless it holds (repeatable)", func(text string) error {
		condition, err := parseCondition(text)
		options.conditions = append(options.conditions, condition)
		return err
	})
	if err := flags.Parse(arguments); err != nil {
		return options, err
	}
	switch {
	case flags.NArg() > 0:
		return options, fmt.Errorf("unknown option %s", flags.Arg(0))
	case options.path == "":
		return options, errors.New("--path is required")
	case !strings.HasPrefix(filepath.Clean(options.path), "/var/"):
		return options, fmt.Errorf("--path %s: the file must be below /var/", options.path)
	case options.size == 0:
		return options, errors.New("--size is required")
	}
	return options, nil
}

func run(options options) error {
	debug := func(format string, values ...any) {
		if options.debug {
			log.Printf(format, values...)
		}
	}
	for _, condition := range options.conditions {
		if reason := condition.check(system{}); reason != "" {
			if condition.required {
				return errors.New(reason)
			}
			log.Print(reason, ": no swap")
			return nil
		}
	}
	info, err := os.Stat(options.path)
	isNew := err != nil || info.Size() != options.size
	if isNew {
		if err := disks.CreateFile(options.path, options.size); err != nil {
			return err
		}
	}
	debug("%s: new: %v", options.path, isNew)
	device := options.path
	if options.encrypt {
		device = "/dev/mapper/" + mapping
		if err := cryptsetup.OpenPlain(options.path, mapping, "/dev/urandom"); err != nil {
			return err
		}
		debug("%s: encrypted as %s", options.path, device)
	}
	// A new key makes noise of what an earlier one encrypted.
	if isNew || options.encrypt {
		output, err := tool.Run("mkswap", device)
		if err != nil {
			return err
		}
		debug("%s", strings.TrimSpace(output))
	}
	return swapOn(device)
}

// swapOn is swapon(2).
func swapOn(path string) error {
	name, err := syscall.BytePtrFromString(path)
	if err != nil {
		return err
	}
	if _, _, errno := syscall.Syscall(syscall.SYS_SWAPON, uintptr(unsafe.Pointer(name)), 0, 0); errno != 0 {
		return &os.PathError{Op: "swapon", Path: path, Err: errno}
	}
	return nil
}
