package main

import (
	"io"
	"os"
	"reflect"
	"syscall"
	"testing"
	"time"

	"linuxkit/guest/internal/uevent"
)

// script is an event source that plays what it holds, then ends with io.EOF.
type script struct {
	steps []interface{} // uevent.Event or error
	trace *[]string
}

func (script *script) SetTimeout(timeout time.Duration) error {
	*script.trace = append(*script.trace, "timeout "+timeout.String())
	return nil
}

func (script *script) Receive() (uevent.Event, error) {
	if len(script.steps) == 0 {
		return uevent.Event{}, io.EOF
	}
	step := script.steps[0]
	script.steps = script.steps[1:]
	if err, isError := step.(error); isError {
		return uevent.Event{}, err
	}
	return step.(uevent.Event), nil
}

func TestWatcher(t *testing.T) {
	var trace []string
	watcher := watcher{
		events: &script{[]interface{}{
			uevent.Event{Action: "add", Modalias: "virtio:net"},
			uevent.Event{Action: "add"},
			uevent.Event{Action: "remove", Modalias: "virtio:net"},
			syscall.ENOBUFS,
			uevent.Event{Action: "add", Modalias: "scsi:disk"},
			syscall.EAGAIN,
			uevent.Event{Action: "add", Modalias: "usb:later"},
		}, &trace},
		walk:    func(visit func(string)) { visit("pci:bus") },
		load:    func(modalias string) { trace = append(trace, modalias) },
		settled: func() error { trace = append(trace, "settled"); return nil },
	}
	if err := watcher.run(); err != io.EOF {
		t.Errorf("ended with %v", err)
	}
	want := []string{"timeout 300ms", "pci:bus", "virtio:net", "pci:bus", "scsi:disk", "settled", "timeout 0s", "usb:later"}
	if !reflect.DeepEqual(trace, want) {
		t.Errorf("%q, want %q", trace, want)
	}
}

func TestSettlingEndsWithTheProcess(t *testing.T) {
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	writer.Close()
	if err := (settling{reader}).wait(); err != nil {
		t.Error(err)
	}
	if err := (settling{}).wait(); err != nil {
		t.Errorf("nothing to wait for: %v", err)
	}
}
