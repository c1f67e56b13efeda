package main

import (
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// device gives a record, or an error, per read.
type device struct {
	reads []any
}

func (d *device) Read(buffer []byte) (int, error) {
	if len(d.reads) == 0 {
		return 0, io.EOF
	}
	next := d.reads[0]
	d.reads = d.reads[1:]
	if err, ok := next.(error); ok {
		return 0, err
	}
	return copy(buffer, next.(string)), nil
}

func TestPrintRecords(t *testing.T) {
	var out strings.Builder
	lost := &os.PathError{Op: "read", Path: "/dev/kmsg", Err: syscall.EPIPE}
	err := printRecords(&device{[]any{
		"7,160,424069,-;pci_root PNP0A03:00: host bridge window; more\n SUBSYSTEM=acpi\n DEVICE=+acpi:PNP0A03:00\n",
		lost,
		"6,339,5140900,-,caller=T1;NET: Registered protocol family 10\n",
		"nonsense",
		"6,x,1,-;y\n",
	}}, time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC), &out)
	if err != io.EOF {
		t.Errorf("%v", err)
	}
	lines := strings.SplitAfter(out.String(), "\n")
	want := []string{
		"(160) - 2024-02-29T12:00:00.424069Z: pci_root PNP0A03:00: host bridge window; more\n",
		" SUBSYSTEM=acpi\n",
		" DEVICE=+acpi:PNP0A03:00\n",
		"(339) - 2024-02-29T12:00:05.1409Z: NET: Registered protocol family 10\n",
		"kmsg: not a record of the kernel's log: \"nonsense\"\n",
	}
	for number, line := range want {
		if lines[number] != line {
			t.Errorf("%q, want %q", lines[number], line)
		}
	}
	if !strings.HasPrefix(lines[5], "kmsg: ") {
		t.Errorf("%q", lines[5])
	}
}

func TestBootTime(t *testing.T) {
	boot, err := bootTime()
	if err != nil || boot.After(time.Now()) {
		t.Errorf("%v %v", boot, err)
	}
	if err := run("/no/such/device", io.Discard); err == nil {
		t.Error("no device")
	}
}
