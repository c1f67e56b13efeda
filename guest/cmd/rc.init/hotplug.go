package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"linuxkit/guest/internal/kernelcmdline"
	"linuxkit/guest/internal/modules"
	"linuxkit/guest/internal/uevent"
)

const (
	hotplugCommand = "hotplug"

	// quiet is how long nothing must happen for the devices to count as settled.
	// Loading a module takes the time that its drivers take to find devices;
	// what is left are buses that look on their own, such as USB.
	quiet = 300 * time.Millisecond

	// settleLimit bounds the wait, should a device never be quiet.
	settleLimit = 30 * time.Second

	// settledFile is the descriptor on which the child says that it settled: the
	// first after the standard ones.
	settledFile = 3
)

// settling is the parent's end of the pipe from the hotplug process.
type settling struct{ pipe *os.File }

// startHotplug starts this program again to load the modules of all devices
// and stay for those that come later.
func startHotplug() (settling, error) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return settling{}, err
	}
	defer null.Close()
	reader, writer, err := os.Pipe()
	if err != nil {
		return settling{}, err
	}
	defer writer.Close()
	process, err := os.StartProcess("/proc/self/exe", []string{os.Args[0], hotplugCommand}, &os.ProcAttr{
		Dir:   "/",
		Files: []*os.File{null, null, os.Stderr, writer},
		Sys:   &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		reader.Close()
		return settling{}, err
	}
	return settling{reader}, process.Release()
}

// wait returns when the devices have settled, or the hotplug process ended, or
// the limit passed.
func (settling settling) wait() error {
	if settling.pipe == nil {
		return nil
	}
	defer settling.pipe.Close()
	if err := settling.pipe.SetReadDeadline(time.Now().Add(settleLimit)); err != nil {
		return err
	}
	_, err := settling.pipe.Read(make([]byte, 1))
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("devices still appear after %v, going on", settleLimit)
	}
	return nil
}

// serveHotplug is the hotplug process. It only returns when something failed.
func serveHotplug() error {
	directory, err := modulesDirectory()
	if err != nil {
		return err
	}
	index, err := modules.ReadIndex(directory)
	if errors.Is(err, os.ErrNotExist) {
		// A kernel without modules.
		return nil
	}
	if err != nil {
		return err
	}
	// Before the walk, so that no device falls between the two.
	socket, err := uevent.Listen()
	if err != nil {
		return err
	}
	defer socket.Close()
	loader := modules.NewLoader(index, modules.ReadSettings("/etc/modprobe.d", kernelcmdline.Words()))
	watcher := watcher{
		events: socket,
		walk:   func(visit func(string)) { uevent.Walk("/sys/devices", visit) },
		// Most errors mean that a driver did not want a device after all; what
		// is worth saying the kernel has said.
		load:    func(modalias string) { _ = loader.Load(modalias) },
		settled: os.NewFile(settledFile, "settled").Close,
	}
	return watcher.run()
}

// eventSource is an uevent.Socket.
type eventSource interface {
	SetTimeout(timeout time.Duration) error
	Receive() (uevent.Event, error)
}

type watcher struct {
	events  eventSource
	walk    func(visit func(modalias string))
	load    func(modalias string)
	settled func() error
}

// run loads what the present devices need, then what each new one needs. A new
// device is often the work of a module loaded just before.
func (watcher watcher) run() error {
	if err := watcher.events.SetTimeout(quiet); err != nil {
		return err
	}
	watcher.walk(watcher.load)
	for settled := false; ; {
		event, err := watcher.events.Receive()
		switch {
		case errors.Is(err, syscall.ENOBUFS):
			// Events were lost; look again for what they would have said.
			watcher.walk(watcher.load)
		case errors.Is(err, syscall.EAGAIN) && !settled:
			settled = true
			report(watcher.settled())
			if err := watcher.events.SetTimeout(0); err != nil {
				return err
			}
		case err != nil:
			return err
		case event.Action == "add" && event.Modalias != "":
			watcher.load(event.Modalias)
		}
	}
}

// createStaticNodes makes the device nodes whose modules are loaded when they
// are first opened, as systemd-tmpfiles does elsewhere.
func createStaticNodes() error {
	directory, err := modulesDirectory()
	if err != nil {
		return err
	}
	nodes, err := modules.ReadStaticNodes(directory)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	for _, static := range nodes {
		report(staticNode(static).create("/dev"))
	}
	return nil
}

func staticNode(static modules.StaticNode) node {
	mode := uint32(syscall.S_IFCHR)
	if static.Block {
		mode = syscall.S_IFBLK
	}
	// The drivers of these two check permissions themselves.
	if static.Name == "fuse" || static.Name == "net/tun" {
		mode |= 0o666
	} else {
		mode |= 0o600
	}
	return node{path: static.Name, mode: mode, major: static.Major, minor: static.Minor}
}

// modulesDirectory is where the modules of the running kernel are.
func modulesDirectory() (string, error) {
	release, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return "", err
	}
	return filepath.Join("/lib/modules", string(release[:len(release)-1])), nil
}
