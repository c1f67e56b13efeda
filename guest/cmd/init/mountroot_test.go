package main

import (
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"linuxkit/guest/internal/uevent"
)

func TestParseDescription(t *testing.T) {
	described, err := parseDescription("type iso9660\nmodule isofs\nmodule loop\nfile /root.img\nidentity 32808 4c4b\n")
	if err != nil {
		t.Fatal(err)
	}
	want := &description{"iso9660", []string{"isofs", "loop"}, "/root.img", &identity{32808, []byte("LK")}}
	if !reflect.DeepEqual(described, want) {
		t.Errorf("got %+v, want %+v", described, want)
	}
	for text, message := range map[string]string{
		"file /root.img\n":              "no type",
		"type squashfs\nsize 3\n":       `unknown word "size"`,
		"type squashfs\nidentity x 00":  "identity",
		"type squashfs\nidentity 1 zz":  "are no bytes",
		"type squashfs\nidentity 512\n": "are no bytes",
	} {
		if _, err := parseDescription(text); err == nil || !strings.Contains(err.Error(), message) {
			t.Errorf("%q: got %v, want %s", text, err, message)
		}
	}
	if described, err := readDescription(filepath.Join(t.TempDir(), "none")); described != nil || err != nil {
		t.Errorf("without a file: got %v, %v", described, err)
	}
}

func TestNamedRoot(t *testing.T) {
	for text, want := range map[string]string{
		"console=ttyS0":                   "",
		"root=/dev/sda":                   "/dev/sda",
		"root=/dev/sda root=/dev/vdb":     "/dev/vdb",
		"root=UUID=1234 root=/dev/ram0":   "",
		"noroot=/dev/sda ro root=LABEL=x": "",
	} {
		if got := namedRoot(strings.Fields(text)); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func TestFindDevice(t *testing.T) {
	blocks, devices := t.TempDir(), t.TempDir()
	for name, content := range map[string]string{"sda": "a wrong disk", "sdb": "some LinuxKit", "sdb1": "some LinuxKit", "sr0": ""} {
		for _, directory := range []string{blocks, devices} {
			if err := os.WriteFile(filepath.Join(directory, name), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	wanted := &identity{5, []byte("LinuxKit")}
	if got := (deviceFinder{"", wanted, blocks, devices}).find(); got != filepath.Join(devices, "sdb") {
		t.Errorf("by identity: got %q", got)
	}
	if got := (deviceFinder{"", &identity{0, []byte("other")}, blocks, devices}).find(); got != "" {
		t.Errorf("another identity: got %q", got)
	}
	if got := (deviceFinder{"", nil, blocks, devices}).find(); got != "" {
		t.Errorf("nothing to look for: got %q", got)
	}
	named := filepath.Join(devices, "sda")
	if got := (deviceFinder{named, wanted, blocks, devices}).find(); got != named {
		t.Errorf("named: got %q", got)
	}
	empty := filepath.Join(devices, "sr0")
	if got := (deviceFinder{empty, wanted, blocks, devices}).find(); got != "" {
		t.Errorf("a drive without a medium: got %q", got)
	}
}

// script is an event source that plays what it holds, then ends with io.EOF.
type script []interface{} // uevent.Event or error

func (script *script) SetTimeout(time.Duration) error { return nil }

func (script *script) Receive() (uevent.Event, error) {
	if len(*script) == 0 {
		return uevent.Event{}, io.EOF
	}
	step := (*script)[0]
	*script = (*script)[1:]
	if err, isError := step.(error); isError {
		return uevent.Event{}, err
	}
	return step.(uevent.Event), nil
}

func TestWaitForDevice(t *testing.T) {
	var loaded []string
	load := func(modalias string) { loaded = append(loaded, modalias) }
	walk := func(visit func(string)) { visit("pci:1") }
	never := func() bool { return false }

	events := &script{
		uevent.Event{Action: "add", Modalias: "virtio:2"}, syscall.EAGAIN, syscall.ENOBUFS,
		uevent.Event{Action: "remove", Modalias: "usb:3"}, uevent.Event{Action: "add"},
	}
	find := func() string {
		if len(*events) == 0 {
			return "/dev/vda"
		}
		return ""
	}
	path, err := waitForDevice(events, walk, load, find, never)
	if path != "/dev/vda" || err != nil {
		t.Errorf("got %q, %v", path, err)
	}
	if want := []string{"pci:1", "virtio:2", "pci:1"}; !reflect.DeepEqual(loaded, want) {
		t.Errorf("loaded %v, want %v", loaded, want)
	}

	nothing := func() string { return "" }
	if _, err := waitForDevice(&script{}, walk, load, nothing, never); err != io.EOF {
		t.Errorf("without events: got %v", err)
	}
	if _, err := waitForDevice(&script{syscall.EAGAIN}, walk, load, nothing, func() bool { return true }); err == nil {
		t.Error("no error when the time is over")
	}
}
