package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// Every mount point lies on something that an earlier line mounted, or in the
// image's own tree.
func TestMountOrder(t *testing.T) {
	seen := map[string]int{}
	for i, point := range systemMounts {
		if point.path == "/" {
			continue
		}
		if _, twice := seen[point.path]; twice {
			t.Errorf("%s is mounted twice", point.path)
		}
		seen[point.path] = i
		if !filepath.IsAbs(point.path) || filepath.Clean(point.path) != point.path || point.kind == "" {
			t.Errorf("malformed line %+v", point)
		}
		for parent := filepath.Dir(point.path); parent != "/"; parent = filepath.Dir(parent) {
			if _, mounted := seen[parent]; mounted {
				break
			}
			if filepath.Dir(parent) == "/" {
				t.Errorf("%s comes before %s", point.path, parent)
			}
		}
	}
}

func TestWritableMountsAreLocked(t *testing.T) {
	for _, point := range systemMounts {
		if point.kind == "tmpfs" && point.flags&locked != locked {
			t.Errorf("%s allows programs, set-user-ID or devices", point.path)
		}
		if point.flags&syscall.MS_NOEXEC == 0 && point.kind != "bpf" && point.path != "/" {
			t.Errorf("%s allows programs", point.path)
		}
	}
}

func TestMountFillsTree(t *testing.T) {
	directory := t.TempDir()
	point := mountPoint{kind: "tmpfs", path: directory, flags: plain, data: "size=1m,mode=755",
		content: append(append([]node{}, variableFiles...), devices...)}
	defer syscall.Umask(syscall.Umask(0))
	if err := point.mount(); err != nil {
		t.Skipf("no tmpfs can be mounted here: %v", err)
	}
	t.Cleanup(func() { syscall.Unmount(directory, syscall.MNT_DETACH) })
	for _, node := range point.content {
		var stat syscall.Stat_t
		if err := syscall.Lstat(filepath.Join(directory, node.path), &stat); err != nil {
			t.Errorf("%s: %v", node.path, err)
			continue
		}
		if node.target == "" && stat.Mode != node.mode {
			t.Errorf("%s: mode %#o, want %#o", node.path, stat.Mode, node.mode)
		}
		if int(stat.Rdev) != deviceNumber(node.major, node.minor) {
			t.Errorf("%s: device %#x", node.path, stat.Rdev)
		}
		// What is there already is no error.
		if err := node.create(directory); err != nil {
			t.Error(err)
		}
	}
	if target, err := os.Readlink(filepath.Join(directory, "run")); target != "/run" {
		t.Errorf("run: %q, %v", target, err)
	}
	missing := mountPoint{kind: "tmpfs", path: filepath.Join(directory, "absent")}
	if err := missing.mount(); err == nil || !strings.Contains(err.Error(), "absent") {
		t.Errorf("missing mount point: %v", err)
	}
	missing.optional = true
	if err := missing.mount(); err != nil {
		t.Errorf("optional mount: %v", err)
	}
}

func TestDeviceNumber(t *testing.T) {
	// As in linux/kdev_t.h: 12 bits of major amid 20 bits of minor.
	for _, c := range []struct {
		major, minor uint32
		want         int
	}{{5, 1, 0x501}, {10, 229, 0xae5}, {259, 0x12345, 0x12310345}} {
		if got := deviceNumber(c.major, c.minor); got != c.want {
			t.Errorf("%d:%d: %#x, want %#x", c.major, c.minor, got, c.want)
		}
	}
}

func TestEnabledControllers(t *testing.T) {
	table := "#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpuset\t0\t60\t1\nmemory\t0\t60\t0\nnet_cls\t2\t1\t1\n"
	if got := strings.Join(enabledControllers(table), " "); got != "cpuset net_cls" {
		t.Errorf("%q", got)
	}
}
