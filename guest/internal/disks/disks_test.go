package disks

import (
	"reflect"
	"testing"
	"testing/fstest"
)

func file(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text + "\n")} }

// class is /sys/class/block of a machine with many kinds of devices.
func class() fstest.MapFS {
	class := fstest.MapFS{}
	for _, name := range []string{"sda", "sdb", "sr0", "loop0", "dm-0", "md0", "ram0", "zram0", "nbd0", "mmcblk0", "nvme0n1", "vda"} {
		class[name+"/size"] = file("2048")
		class[name+"/ro"] = file("0")
	}
	for _, name := range []string{"sda/sda1", "sda/sda2", "sda/sda10", "nvme0n1/nvme0n1p1"} {
		class[name+"/start"] = file("2048")
	}
	for name, number := range map[string]string{"sda1": "1", "sda2": "2", "sda10": "10", "nvme0n1p1": "1"} {
		class[name+"/partition"] = file(number)
		class[name+"/size"] = file("512")
	}
	return class
}

func TestDrives(t *testing.T) {
	class := class()
	found, err := drives(class)
	if want := []string{"/dev/nvme0n1", "/dev/sda", "/dev/sdb", "/dev/vda"}; err != nil || !reflect.DeepEqual(found, want) {
		t.Errorf("%v, %v", found, err)
	}
	class["sdb/ro"], class["vda/size"] = file("1"), file("0")
	found, err = drives(class)
	if want := []string{"/dev/nvme0n1", "/dev/sda"}; err != nil || !reflect.DeepEqual(found, want) {
		t.Errorf("%v, %v", found, err)
	}
}

func TestPartitionsOf(t *testing.T) {
	for drive, want := range map[string][]string{
		"/dev/sda":     {"/dev/sda1", "/dev/sda2", "/dev/sda10"},
		"/dev/sdb":     nil,
		"/dev/nvme0n1": {"/dev/nvme0n1p1"},
	} {
		if found, err := partitionsOf(class(), drive); err != nil || !reflect.DeepEqual(found, want) {
			t.Errorf("%s: %v, %v", drive, found, err)
		}
	}
}

func TestPartition(t *testing.T) {
	for want, drive := range map[string]string{"/dev/sda1": "/dev/sda", "/dev/nvme0n1p1": "/dev/nvme0n1", "/dev/nvme0n9p1": "/dev/nvme0n9"} {
		if got := Partition(drive, 1); got != want {
			t.Errorf("%s: %s", drive, got)
		}
	}
}

func TestContent(t *testing.T) {
	for output, isEmpty := range map[string]bool{
		"":                          true,
		"ID_PART_ENTRY_TYPE=0x83\n": true,
		"ID_PART_TABLE_TYPE=dos\n":  false,
		"ID_FS_TYPE=ext4\nID_FS_USAGE=filesystem":                             false,
		"ID_FS_AMBIVALENT=filesystem:ext4:1.0 other:LVM2_member:LVM2\\x20001": false,
	} {
		if content := parseContent(output); content.IsEmpty() != isEmpty {
			t.Errorf("%q: %v", output, content)
		}
	}
	content := parseContent("ID_FS_LABEL=a_b\nID_FS_LABEL_ENC=a\\x20b\\x5cx20\nID_FS_UUID_ENC=12-34\nID_PART_ENTRY_TYPE=0fc63daf-8483-4772-8e79-3d69d8477de4\n")
	if content.Label() != `a b\x20` || content.Uuid() != "12-34" || !content.IsLinuxPartition() {
		t.Errorf("%q %q %v", content.Label(), content.Uuid(), content)
	}
	if got := content.String(); got != "ID_FS_LABEL=a_b" {
		t.Errorf("%q", got)
	}
	if parseContent("ID_PART_ENTRY_TYPE=0xef").IsLinuxPartition() {
		t.Error("an EFI system partition is not for data")
	}
}
