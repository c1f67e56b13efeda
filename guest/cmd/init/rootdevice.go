package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"linuxkit/guest/internal/kernelcmdline"
	"linuxkit/guest/internal/uevent"
)

const (
	// pause is how long nothing must happen before the devices are looked at
	// again: a medium may need a while, and its device says nothing then.
	pause = 300 * time.Millisecond

	// deviceLimit bounds the wait for the root's device. USB takes seconds, and
	// an emulated machine all the longer.
	deviceLimit = 60 * time.Second
)

// namedRoot is the device file that `root=` names, or empty. The kernel's other
// notations (UUID=, PARTLABEL=, nfs, ...) are not devices.
func namedRoot(words []string) string {
	named := ""
	for _, value := range kernelcmdline.Select(words, "root") {
		if strings.HasPrefix(value, "/dev/") && value != "/dev/ram0" {
			named = value
		}
	}
	return named
}

// deviceFinder looks for the root among the block devices.
type deviceFinder struct {
	named    string
	identity *identity
	blocks   string // /sys/class/block
	devices  string // /dev
}

// find returns the path of the root's device, or empty when it is not there yet.
func (finder deviceFinder) find() string {
	if finder.named != "" {
		if isReadable(finder.named) {
			return finder.named
		}
		return ""
	}
	if finder.identity == nil {
		return ""
	}
	// ReadDir sorts; a disk comes before its partitions.
	entries, err := os.ReadDir(finder.blocks)
	if err != nil {
		return ""
	}
	for _, entry := range entries {
		path := filepath.Join(finder.devices, entry.Name())
		if finder.identity.matches(path) {
			return path
		}
	}
	return ""
}

// isReadable tells whether there is a medium in the device.
func isReadable(path string) bool {
	device, err := os.Open(path)
	if err != nil {
		return false
	}
	defer device.Close()
	_, err = device.Read(make([]byte, 512))
	return err == nil
}

func (identity identity) matches(path string) bool {
	device, err := os.Open(path)
	if err != nil {
		return false
	}
	defer device.Close()
	have := make([]byte, len(identity.bytes))
	_, err = device.ReadAt(have, identity.offset)
	return err == nil && bytes.Equal(have, identity.bytes)
}

// eventSource is an uevent.Socket.
type eventSource interface {
	SetTimeout(timeout time.Duration) error
	Receive() (uevent.Event, error)
}

// waitForDevice loads the modules of all devices, as they appear, until find
// returns a path.
func waitForDevice(
	events eventSource, walk func(visit func(modalias string)), load func(modalias string), find func() string, expired func() bool,
) (string, error) {
	if err := events.SetTimeout(pause); err != nil {
		return "", err
	}
	walk(load)
	for {
		if path := find(); path != "" {
			return path, nil
		}
		if expired() {
			return "", errors.New("the device of the root did not appear")
		}
		event, err := events.Receive()
		switch {
		case errors.Is(err, syscall.ENOBUFS):
			// Events were lost; look again for what they would have said.
			walk(load)
		case errors.Is(err, syscall.EAGAIN):
		case err != nil:
			return "", err
		case event.Action == "add" && event.Modalias != "":
			load(event.Modalias)
		}
	}
}

// describeSearch says what was looked for, for the console of a machine that
// cannot boot.
func (finder deviceFinder) describeSearch() string {
	names := []string{}
	if entries, err := os.ReadDir(finder.blocks); err == nil {
		for _, entry := range entries {
			names = append(names, entry.Name())
		}
	}
	wanted := "no root= names it"
	switch {
	case finder.named != "":
		wanted = "root=" + finder.named
	case finder.identity != nil:
		wanted = fmt.Sprintf("%x at byte %d", finder.identity.bytes, finder.identity.offset)
	}
	return fmt.Sprintf("wanted: %s; block devices: %s", wanted, strings.Join(names, " "))
}
