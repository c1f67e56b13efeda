package main

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

func label(sector []byte, offset int, text string) { copy(sector[offset:], text) }

// device makes a file that looks like a device with a file system.
func device(t *testing.T, path, kind, name string) {
	t.Helper()
	content := make([]byte, 40<<10)
	switch kind {
	case "iso":
		label(content, 16*2048, "\x01CD001\x01")
		label(content, 16*2048+40, name)
	case "fat32":
		label(content, 82, "FAT32   ")
		label(content, 71, name)
		label(content, 510, "\x55\xaa")
	case "fat16":
		label(content, 54, "FAT16   ")
		label(content, 43, name)
		label(content, 510, "\x55\xaa")
	}
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestReadFilesystem(t *testing.T) {
	path := filepath.Join(t.TempDir(), "device")
	for kind, want := range map[string]filesystem{
		"iso":   {"iso9660", "cidata"},
		"fat32": {"vfat", "cidata"},
		"fat16": {"vfat", "cidata"},
		"none":  {},
	} {
		device(t, path, kind, "cidata     ")
		if got, err := readFilesystem(path); got != want || err != nil {
			t.Errorf("%s: %v %v", kind, got, err)
		}
	}
	os.Truncate(path, 100)
	if _, err := readFilesystem(path); err == nil {
		t.Error("too small to hold anything")
	}
}

func TestCdroms(t *testing.T) {
	class, devices := t.TempDir(), t.TempDir()
	for name, kind := range map[string]string{
		"loop0": "iso", "ram1": "iso", "sda": "none", "sdb": "fat32", "sdc": "iso", "sr1": "iso", "sr0": "none", "gone": "",
	} {
		os.Mkdir(filepath.Join(class, name), 0o755)
		if kind != "" {
			device(t, filepath.Join(devices, name), kind, map[string]string{"sdb": "CIDATA", "sdc": "other"}[name])
		}
	}
	device(t, filepath.Join(devices, "sr1"), "iso", "cidata")
	device(t, filepath.Join(devices, "loop0"), "iso", "cidata")
	var got []string
	for _, one := range cdroms(class, devices) {
		got = append(got, one.String())
	}
	want := []string{"CDROM " + devices + "/sdb", "CDROM " + devices + "/sr1", "CDROM " + devices + "/sr0"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%q", got)
	}
	if err := (&cdrom{device: devices + "/sr0"}).probe(); err == nil {
		t.Error("nothing is on it")
	}
	if err := (&cdrom{device: devices + "/gone"}).probe(); err == nil {
		t.Error("no such device")
	}
}

func TestReadUserdata(t *testing.T) {
	directory := t.TempDir()
	if _, err := readUserdata(directory); err == nil {
		t.Error("nothing is there")
	}
	os.WriteFile(directory+"/user-data", nil, 0o644)
	os.WriteFile(directory+"/config", []byte("config"), 0o644)
	if got, err := readUserdata(directory); string(got) != "config" || err != nil {
		t.Errorf("%q %v", got, err)
	}
	os.WriteFile(directory+"/user-data", []byte("user-data"), 0o644)
	if got, err := readUserdata(directory); string(got) != "user-data" || err != nil {
		t.Errorf("%q %v", got, err)
	}
}
