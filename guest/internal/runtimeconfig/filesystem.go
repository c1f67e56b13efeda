package runtimeconfig

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"linuxkit/guest/internal/mount"
)

const rootfs = "rootfs"

// PrepareFilesystem does what comes before a container is created: mounts,
// directories, cgroups. It stops at the first error; ReleaseFilesystem undoes
// what had been mounted until then. A cgroup that cannot be made is no error
// but a line for report: the container may well run without.
func (c Config) PrepareFilesystem(bundle string, report func(line string)) error {
	for _, entry := range c.Mounts {
		if err := entry.do(bundle); err != nil {
			return err
		}
	}
	// A directory may be wanted on one of the mounts, hence after them.
	for _, path := range c.Mkdir {
		if err := os.MkdirAll(inRootfs(bundle, path), 0o755); err != nil {
			return err
		}
	}
	for _, name := range c.Cgroups {
		if err := createCgroup(name); err != nil {
			report(fmt.Sprintf("Cannot create cgroup %s: %v", name, err))
		}
	}
	return nil
}

// ReleaseFilesystem unmounts what PrepareFilesystem mounted inside the bundle.
// Mounts elsewhere stay: making them can be the container's whole purpose. A
// busy mount stays as well.
func (c Config) ReleaseFilesystem(bundle string) {
	for i := len(c.Mounts) - 1; i >= 0; i-- {
		target := inRootfs(bundle, c.Mounts[i].Destination)
		onlyChange := mount.ParseOptions(c.Mounts[i].Options).Flags&syscall.MS_REMOUNT != 0
		if !onlyChange && strings.HasPrefix(target, filepath.Clean(bundle)+"/") {
			syscall.Unmount(target, 0)
		}
	}
}

func (m Mount) do(bundle string) error {
	target := inRootfs(bundle, m.Destination)
	if err := os.MkdirAll(target, 0o755); err != nil {
		return err
	}
	for _, option := range m.Options {
		// An overlay does not make its own directories.
		key, path, _ := strings.Cut(option, "=")
		if key == "upperdir" || key == "workdir" {
			if err := os.MkdirAll(path, 0o755); err != nil {
				return err
			}
		}
	}
	return mount.Mount(m.Source, target, m.Type, m.Options)
}

// inRootfs resolves a path of runtime.json: a relative one starts at rootfs.
func inRootfs(bundle, path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(bundle, rootfs, path)
}

const cgroupRoot = "/sys/fs/cgroup"

// UnifiedCgroups says whether this machine uses cgroup v2.
func UnifiedCgroups() bool {
	_, err := os.Stat(filepath.Join(cgroupRoot, "cgroup.controllers"))
	return err == nil
}

// createCgroup makes a cgroup, under version 1 in every hierarchy.
func createCgroup(name string) error {
	if UnifiedCgroups() {
		return os.MkdirAll(filepath.Join(cgroupRoot, name), 0o755)
	}
	hierarchies, err := os.ReadDir(cgroupRoot)
	if err != nil {
		return err
	}
	for _, hierarchy := range hierarchies {
		// Links like cpu -> cpu,cpuacct name a hierarchy twice.
		if hierarchy.Type()&fs.ModeType != fs.ModeDir {
			continue
		}
		if err := os.MkdirAll(filepath.Join(cgroupRoot, hierarchy.Name(), name), 0o755); err != nil {
			return err
		}
	}
	return nil
}
