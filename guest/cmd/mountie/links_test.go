package main

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"linuxkit/guest/internal/disks"
)

func TestLinks(t *testing.T) {
	content := disks.Content{"ID_FS_LABEL": "my_disk", "ID_FS_LABEL_ENC": `my\x20disk`, "ID_FS_UUID_ENC": "1-2"}
	if got := links(content); !reflect.DeepEqual(got, map[string]string{"by-label": `my\x20disk`, "by-uuid": "1-2"}) {
		t.Errorf("%v", got)
	}
	if got := links(disks.Content{"ID_PART_TABLE_TYPE": "dos"}); len(got) != 0 {
		t.Errorf("%v", got)
	}
}

func TestFirstDeviceKeepsItsName(t *testing.T) {
	path := filepath.Join(t.TempDir(), "name")
	for _, device := range []string{"/dev/sda1", "/dev/sdb1"} {
		if err := link(device, path); err != nil {
			t.Fatal(err)
		}
	}
	if target, err := os.Readlink(path); target != "../../sda1" {
		t.Errorf("%s, %v", target, err)
	}
}
