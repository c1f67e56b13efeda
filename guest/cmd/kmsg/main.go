// Command kmsg prints the kernel's log, from the oldest record that is left on,
// and goes on with every new one.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"
	"unsafe"
)

func main() {
	fmt.Fprintln(os.Stderr, "kmsg:", run("/dev/kmsg", os.Stderr))
	os.Exit(1)
}

func run(path string, out io.Writer) error {
	boot, err := bootTime()
	if err != nil {
		return err
	}
	device, err := os.Open(path)
	if err != nil {
		return err
	}
	defer device.Close()
	return printRecords(device, boot, out)
}

// bootTime returns the time of the kernel's time stamps' zero.
func bootTime() (time.Time, error) {
	const monotonic = 1 // CLOCK_MONOTONIC of linux/time.h
	var since syscall.Timespec
	_, _, errno := syscall.Syscall(syscall.SYS_CLOCK_GETTIME, monotonic, uintptr(unsafe.Pointer(&since)), 0)
	if errno != 0 {
		return time.Time{}, os.NewSyscallError("clock_gettime", errno)
	}
	return time.Now().Add(-time.Duration(since.Nano())), nil
}

// maxRecord is more than any record has: PRINTK_MESSAGE_MAX of the kernel's
// printk/internal.h is 2048.
const maxRecord = 16 << 10

// printRecords prints the records of a device that gives one per read.
func printRecords(device io.Reader, boot time.Time, out io.Writer) error {
	buffer := make([]byte, maxRecord)
	for {
		size, err := device.Read(buffer)
		if errors.Is(err, syscall.EPIPE) {
			// Records that were not read in time are gone; the next read goes on after them.
			continue
		}
		if err != nil {
			return err
		}
		if record, err := parseRecord(string(buffer[:size])); err != nil {
			fmt.Fprintf(out, "kmsg: %v\n", err)
		} else {
			fmt.Fprintf(out, "(%d) - %s: %s", record.number, boot.Add(record.time).UTC().Format(time.RFC3339Nano), record.text)
		}
	}
}
