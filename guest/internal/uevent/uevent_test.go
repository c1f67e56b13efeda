package uevent

import (
	"os"
	"path/filepath"
	"reflect"
	"syscall"
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	cases := []struct {
		message string
		want    Event
		valid   bool
	}{
		{"add@/devices/x\x00ACTION=add\x00DEVPATH=/devices/x\x00SUBSYSTEM=pci\x00MODALIAS=pci:v1d2\x00SEQNUM=7\x00",
			Event{"add", "pci:v1d2"}, true},
		{"remove@/devices/x\x00ACTION=remove\x00XMODALIAS=a\x00", Event{"remove", ""}, true},
		{"add@/d\x00MODALIAS=of:Na=b@c", Event{"add", "of:Na=b@c"}, true},
		{"change@/d", Event{"change", ""}, true},
		{"libudev\x00\xfe\xed\xca\xfe", Event{}, false},
		{"@/d\x00", Event{}, false},
		{"add@d\x00", Event{}, false},
		{"", Event{}, false},
	}
	for _, c := range cases {
		if got, valid := parse([]byte(c.message)); got != c.want || valid != c.valid {
			t.Errorf("parse(%q) = %v, %v", c.message, got, valid)
		}
	}
}

func TestWalk(t *testing.T) {
	root := t.TempDir()
	for path, text := range map[string]string{
		"pci0/uevent":         "DRIVER=x\nMODALIAS=pci:b\n",
		"pci0/virtio1/uevent": "MODALIAS=virtio:c\n",
		"pci0/a/uevent":       "MAJOR=1\n",
		"acpi/uevent":         "MODALIAS=acpi:a",
		"acpi/modalias":       "acpi:ignored",
	} {
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// sysfs is full of links back up.
	if err := os.Symlink("..", filepath.Join(root, "pci0/subsystem")); err != nil {
		t.Fatal(err)
	}
	var got []string
	Walk(root, func(modalias string) { got = append(got, modalias) })
	if want := []string{"acpi:a", "pci:b", "virtio:c"}; !reflect.DeepEqual(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	Walk(filepath.Join(root, "absent"), func(string) { t.Error("visited nothing") })
}

// The kernel sends an event when `change` is written to a uevent file.
func TestSocket(t *testing.T) {
	socket, err := Listen()
	if err != nil {
		t.Skipf("no uevent socket here: %v", err)
	}
	defer socket.Close()
	if err := socket.SetTimeout(time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if event, err := socket.Receive(); err == nil {
		t.Logf("an event of the machine itself: %v", event)
	} else if err != syscall.EAGAIN {
		t.Fatal(err)
	}
	if err := os.WriteFile("/sys/devices/virtual/mem/null/uevent", []byte("change"), 0); err != nil {
		t.Skipf("no event can be made here: %v", err)
	}
	if err := socket.SetTimeout(2 * time.Second); err != nil {
		t.Fatal(err)
	}
	for {
		event, err := socket.Receive()
		if err == syscall.EAGAIN {
			t.Skip("the kernel sends no events to this network namespace")
		}
		if err != nil {
			t.Fatal(err)
		}
		if event.Action == "change" {
			return
		}
	}
}
