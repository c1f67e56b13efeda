package runtimeconfig

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"linuxkit/guest/internal/netlink"
)

// PrepareProcess does what comes between creating and starting a container:
// network interfaces for its first process pid, and files for its namespaces.
// report receives one line per step that changed a network interface.
func (c Config) PrepareProcess(pid int, report func(line string)) error {
	for _, wanted := range c.Interfaces {
		if err := wanted.provide(pid, report); err != nil {
			return err
		}
	}
	for _, namespace := range []struct{ kind, path string }{
		{"cgroup", c.BindNS.Cgroup},
		{"ipc", c.BindNS.IPC},
		{"mnt", c.BindNS.Mnt},
		{"net", c.BindNS.Net},
		{"pid", c.BindNS.PID},
		{"user", c.BindNS.User},
		{"uts", c.BindNS.UTS},
	} {
		if namespace.path == "" {
			continue
		}
		if err := pinNamespace(pid, namespace.kind, namespace.path); err != nil {
			return fmt.Errorf("bind %s namespace: %w", namespace.kind, err)
		}
	}
	return nil
}

func (i Interface) provide(pid int, report func(line string)) error {
	kind := i.Add
	if kind == "" && i.Peer != "" {
		kind = "veth"
	}
	switch {
	case i.Name == "":
		return errors.New("interface without a name")
	case kind == "veth" && i.Peer == "":
		return fmt.Errorf("interface %s: a veth needs a peer", i.Name)
	}

	// What is created outside and moved keeps its tie to the outside, which a
	// wireguard interface needs for its UDP socket.
	inside := kind != "" && kind != "veth" && !i.CreateInRoot
	var socket *netlink.Socket
	var err error
	if inside {
		socket, err = netlink.OpenIn(pid)
	} else {
		socket, err = netlink.Open()
	}
	if err != nil {
		return fmt.Errorf("interface %s: %w", i.Name, err)
	}
	defer socket.Close()

	if kind == "veth" {
		err = socket.CreateVeth(i.Name, i.Peer)
	} else if kind != "" {
		err = socket.Create(i.Name, kind)
	}
	if err != nil {
		return err
	}
	if kind != "" {
		report(fmt.Sprintf("Created interface %s type %s", i.Name, kind))
	}
	if inside {
		return nil
	}
	if err := socket.MoveTo(i.Name, pid); err != nil {
		return err
	}
	report(fmt.Sprintf("Moved interface %s to pid %d", i.Name, pid))
	return nil
}

// pinNamespace keeps a namespace alive beyond its last process by a bind mount
// on a file, see namespaces(7), "Namespace lifetime".
func pinNamespace(pid int, kind, path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	// A file that still pins the namespace of an earlier run refuses writing.
	syscall.Unmount(path, syscall.MNT_DETACH)
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	file.Close()
	source := fmt.Sprintf("/proc/%d/ns/%s", pid, kind)
	if err := syscall.Mount(source, path, "", syscall.MS_BIND, ""); err != nil {
		return &os.PathError{Op: "mount", Path: path, Err: err}
	}
	return nil
}
