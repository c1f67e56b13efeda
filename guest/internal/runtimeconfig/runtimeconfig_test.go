package runtimeconfig

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"linuxkit/guest/internal/netlink"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// separate gives the test's thread its own namespaces. The thread ends with
// the test. The returned directory is on a file system of its own.
func separate(t *testing.T, flags int) string {
	t.Helper()
	runtime.LockOSThread()
	if err := syscall.Unshare(flags | syscall.CLONE_NEWNS); err != nil {
		t.Skipf("no new namespaces here: %v", err)
	}
	if err := syscall.Mount("", "/", "", syscall.MS_PRIVATE|syscall.MS_REC, ""); err != nil {
		t.Skipf("no private mounts here: %v", err)
	}
	directory := t.TempDir()
	if err := syscall.Mount("tmpfs", directory, "tmpfs", 0, ""); err != nil {
		t.Skipf("no mounts here: %v", err)
	}
	t.Cleanup(func() { syscall.Unmount(directory, syscall.MNT_DETACH) })
	return directory
}

func TestLoad(t *testing.T) {
	bundle := t.TempDir()
	if config, err := Load(bundle); err != nil || !reflect.DeepEqual(config, Config{}) {
		t.Errorf("without a file: %+v %v", config, err)
	}
	write(t, bundle+"/runtime.json", `{"cgroups": ["a"], "mounts": [{"destination": "/d", "type": "tmpfs", "options": ["ro"]}],
		"mkdir": [], "interfaces": [{"name": "eth1", "add": "veth", "peer": "p", "createInRoot": true}],
		"bindNS": {"net": "/run/netns/x", "ipc": ""}, "namespace": "other", "unknown": 1}`)
	want := Config{
		Cgroups:    []string{"a"},
		Mounts:     []Mount{{Destination: "/d", Type: "tmpfs", Options: []string{"ro"}}},
		Mkdir:      []string{},
		Interfaces: []Interface{{Name: "eth1", Add: "veth", Peer: "p", CreateInRoot: true}},
		BindNS:     Namespaces{Net: "/run/netns/x"},
		Namespace:  "other",
	}
	if config, err := Load(bundle); err != nil || !reflect.DeepEqual(config, want) {
		t.Errorf("%+v %v", config, err)
	}
	write(t, bundle+"/runtime.json", `{"mounts":`)
	if _, err := Load(bundle); err == nil || !strings.Contains(err.Error(), bundle+"/runtime.json") {
		t.Errorf("corrupt file: %v", err)
	}
}

func TestFilesystem(t *testing.T) {
	bundle := filepath.Join(separate(t, 0), "000-test")
	write(t, bundle+"/lower/file", "from the image")
	os.Mkdir(bundle+"/rootfs", 0o755)
	config := Config{
		Mounts: []Mount{
			{Destination: bundle + "/tmp", Type: "tmpfs", Source: "tmpfs"},
			{Destination: bundle + "/tmp", Options: []string{"remount", "private"}},
			{Destination: bundle + "/rootfs", Type: "overlay", Source: "overlay", Options: []string{
				"lowerdir=" + bundle + "/lower", "upperdir=" + bundle + "/tmp/upper", "workdir=" + bundle + "/tmp/work"}},
			{Destination: "inside", Type: "tmpfs", Source: "tmpfs"},
		},
		Mkdir: []string{"inside/deep", bundle + "/absolute"},
	}
	if err := config.PrepareFilesystem(bundle, func(line string) { t.Log(line) }); err != nil {
		if strings.Contains(err.Error(), "no such device") {
			t.Skip("this kernel has no overlay")
		}
		t.Fatal(err)
	}
	if data, err := os.ReadFile(bundle + "/rootfs/file"); err != nil || string(data) != "from the image" {
		t.Errorf("%q %v", data, err)
	}
	write(t, bundle+"/rootfs/file", "changed")
	if data, _ := os.ReadFile(bundle + "/lower/file"); string(data) != "from the image" {
		t.Errorf("the image was changed: %q", data)
	}
	for _, path := range []string{"/rootfs/inside/deep", "/absolute"} {
		if _, err := os.Stat(bundle + path); err != nil {
			t.Error(err)
		}
	}
	config.ReleaseFilesystem(bundle)
	if mounts, _ := os.ReadFile("/proc/thread-self/mounts"); strings.Contains(string(mounts), bundle) {
		t.Errorf("left mounted: %s", mounts)
	}
}

func TestFilesystemError(t *testing.T) {
	bundle := separate(t, 0)
	config := Config{Mounts: []Mount{{Destination: "x", Type: "nosuchtype"}}, Mkdir: []string{"never"}}
	if err := config.PrepareFilesystem(bundle, func(string) {}); err == nil || !strings.Contains(err.Error(), "rootfs/x") {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(bundle + "/rootfs/never"); err == nil {
		t.Error("went on after an error")
	}
}

func TestProcess(t *testing.T) {
	directory := separate(t, syscall.CLONE_NEWNET)
	command := exec.Command("sleep", "60")
	command.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	if err := command.Start(); err != nil {
		t.Skip(err)
	}
	pid := command.Process.Pid
	defer func() {
		command.Process.Kill()
		command.Wait()
	}()
	config := Config{
		Interfaces: []Interface{{Name: "in0", Peer: "out0"}, {Name: "bridge0", Add: "bridge"}, {Name: "out0"}},
		BindNS:     Namespaces{Net: directory + "/netns/test"},
	}
	var lines []string
	// Twice, as for a restarted service: the second run replaces the pin.
	if err := (Config{BindNS: config.BindNS}).PrepareProcess(os.Getpid(), nil); err != nil {
		t.Fatal(err)
	}
	if err := config.PrepareProcess(pid, func(line string) { lines = append(lines, line) }); err != nil {
		if strings.Contains(err.Error(), syscall.EOPNOTSUPP.Error()) {
			t.Skip(err)
		}
		t.Fatal(err)
	}
	want := []string{
		"Created interface in0 type veth", fmt.Sprintf("Moved interface in0 to pid %d", pid),
		"Created interface bridge0 type bridge",
		fmt.Sprintf("Moved interface out0 to pid %d", pid),
	}
	if !reflect.DeepEqual(lines, want) {
		t.Errorf("%q", lines)
	}
	there, err := netlink.OpenIn(pid)
	if err != nil {
		t.Fatal(err)
	}
	defer there.Close()
	for _, name := range []string{"in0", "bridge0", "out0"} {
		if _, err := there.Index(name); err != nil {
			t.Error(err)
		}
	}
	pinned, err := os.Stat(config.BindNS.Net)
	if err != nil {
		t.Fatal(err)
	}
	if namespace, err := os.Stat(fmt.Sprintf("/proc/%d/ns/net", pid)); err != nil || !os.SameFile(pinned, namespace) {
		t.Errorf("the file is not the namespace: %v", err)
	}
}

func TestInterfaceErrors(t *testing.T) {
	separate(t, syscall.CLONE_NEWNET)
	for want, wanted := range map[string]Interface{
		"without a name": {Add: "dummy"},
		"needs a peer":   {Name: "x", Add: "veth"},
		"link absent0":   {Name: "absent0"},
		"of type nosuch": {Name: "x", Add: "nosuch"},
	} {
		err := (Config{Interfaces: []Interface{wanted}}).PrepareProcess(os.Getpid(), func(string) {})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v", wanted, err)
		}
	}
}
