package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// record is an entry of the kernel's log.
type record struct {
	number uint64
	time   time.Duration // since boot
	text   string        // with its line end, and with the lines that tell of the device, if any
}

// parseRecord takes "PRIORITY,NUMBER,MICROSECONDS,FLAGS[,...];TEXT" apart, see
// Documentation/ABI/testing/dev-kmsg of the kernel.
func parseRecord(data string) (record, error) {
	head, text, ok := strings.Cut(data, ";")
	fields := strings.Split(head, ",")
	if !ok || len(fields) < 3 {
		return record{}, fmt.Errorf("not a record of the kernel's log: %q", data)
	}
	number, err := strconv.ParseUint(fields[1], 10, 64)
	if err != nil {
		return record{}, err
	}
	microseconds, err := strconv.ParseInt(fields[2], 10, 64)
	if err != nil {
		return record{}, err
	}
	return record{number, time.Duration(microseconds) * time.Microsecond, text}, nil
}
