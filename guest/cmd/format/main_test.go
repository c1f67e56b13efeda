package main

import (
	"strings"
	"testing"
)

func TestMakeFileSystem(t *testing.T) {
	for want, words := range map[string][3]string{
		"mkfs.ext4 -F /dev/sda1":          {"ext4", "", "/dev/sda1"},
		"mkfs.ext4 -F -L data /dev/sda1":  {"ext4", "data", "/dev/sda1"},
		"mkfs.btrfs -f -L data /dev/sda1": {"btrfs", "data", "/dev/sda1"},
		"mkfs.xfs -f /dev/sda1":           {"xfs", "", "/dev/sda1"},
	} {
		command, err := makeFileSystem(words[0], words[1], words[2])
		if got := strings.Join(command, " "); err != nil || got != want {
			t.Errorf("%s, %v; want %s", got, err, want)
		}
	}
}

func TestMistakes(t *testing.T) {
	for want, mistake := range map[string]struct {
		options   options
		arguments []string
	}{
		"no such file system: ntfs":       {options{kind: "ntfs", table: "dos"}, nil},
		"no such partition table: mbr":    {options{kind: "ext4", table: "mbr"}, nil},
		"only one device":                 {options{kind: "ext4", table: "gpt"}, []string{"/dev/sda", "/dev/sdb"}},
		"/dev/null is not a block device": {options{kind: "ext4", table: "gpt"}, []string{"/dev/null"}},
		"no such file or directory":       {options{kind: "xfs", table: "gpt", force: true}, []string{"/dev/no such"}},
	} {
		if err := run(mistake.options, mistake.arguments); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v; want %s", err, want)
		}
	}
}
