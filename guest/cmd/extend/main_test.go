package main

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"linuxkit/guest/internal/disks"
)

func TestExtensible(t *testing.T) {
	linux := disks.Entry{Node: "/dev/sda1", Start: 2048, Size: 522240, Type: "83"}
	efi := disks.Entry{Node: "/dev/sda1", Start: 2048, Size: 522240, Type: "C12A7328-F81F-11D2-BA4B-00A0C93EC93B"}
	for _, example := range []struct {
		partitions      []disks.Entry
		sectors         int64
		reason, failure string
	}{
		{[]disks.Entry{linux}, 1048576, "", ""},
		{[]disks.Entry{linux}, 524288, "as large as the disk", ""},
		{nil, 1048576, "has 0 partitions", ""},
		{[]disks.Entry{linux, linux}, 1048576, "has 2 partitions", ""},
		{[]disks.Entry{efi}, 1048576, "", "not a partition of Linux"},
	} {
		table := disks.Table{Label: "dos", SectorSize: 512, Partitions: example.partitions}
		entry, reason, err := extensible(table, example.sectors)
		if example.failure != "" {
			if err == nil || !strings.Contains(err.Error(), example.failure) {
				t.Errorf("%v: %v", example, err)
			}
			continue
		}
		if err != nil || !strings.Contains(reason, example.reason) || (example.reason == "") != (entry == linux) {
			t.Errorf("%v: %v, %q, %v", example, entry, reason, err)
		}
	}
}

func TestJudge(t *testing.T) {
	for status, fails := range map[int]bool{0: false, 1: false, 2: true, 3: true, 4: true, 8: true} {
		if err := judge("", exec.Command("sh", "-c", fmt.Sprintf("exit %d", status)).Run()); (err != nil) != fails {
			t.Errorf("%d: %v", status, err)
		}
	}
}
