package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

const cgroupRoot = "/sys/fs/cgroup"

// cgroup2 is the unified hierarchy: Documentation/admin-guide/cgroup-v2.rst.
var cgroup2 = mountPoint{kind: "cgroup2", path: cgroupRoot, flags: locked}

// mountCgroups1 mounts one hierarchy for each controller that the kernel has
// and has enabled: Documentation/admin-guide/cgroup-v1/cgroups.rst.
func mountCgroups1() {
	err := syscall.Mount("cgroup_root", cgroupRoot, "tmpfs", locked, "mode=755,size=10m")
	if err != nil {
		report(&os.PathError{Op: "mount tmpfs on", Path: cgroupRoot, Err: err})
		return
	}
	table, err := os.ReadFile("/proc/cgroups")
	report(err)
	for _, controller := range enabledControllers(string(table)) {
		report(mountController(controller, locked, controller))
	}
	// Counts what is below a cgroup as its own, as everybody expects; since
	// Linux 5.11 the kernel knows no other way.
	if hierarchical := filepath.Join(cgroupRoot, "memory/memory.use_hierarchy"); exists(hierarchical) {
		report(os.WriteFile(hierarchical, []byte("1"), 0))
	}
	// Container runtimes with the systemd driver look for this one.
	report(mountController("systemd", 0, "none,name=systemd"))
}

func mountController(name string, flags uintptr, data string) error {
	path := filepath.Join(cgroupRoot, name)
	if err := os.Mkdir(path, 0o555); err != nil {
		return err
	}
	err := mountPoint{kind: "cgroup", path: path, flags: flags, data: data}.mount()
	if err != nil {
		// A directory without a hierarchy would look like a controller. Linux
		// lists some that it no longer has for version 1.
		_ = os.Remove(path)
	}
	return err
}

// enabledControllers reads the text of /proc/cgroups: name, hierarchy, number
// of cgroups and 1 if enabled, with a comment as its head.
func enabledControllers(table string) []string {
	var names []string
	for _, line := range strings.Split(table, "\n") {
		fields := strings.Fields(line)
		if len(fields) == 4 && fields[3] == "1" && !strings.HasPrefix(line, "#") {
			names = append(names, fields[0])
		}
	}
	return names
}
