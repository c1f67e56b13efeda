package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"linuxkit/guest/internal/containerd"
	"linuxkit/guest/internal/logs"
)

// startServices starts a real containerd, all its files in a temporary
// directory, by the means of the program.
func startServices(t *testing.T) (services, *strings.Builder) {
	t.Helper()
	for _, program := range []string{"containerd", "containerd-shim-runc-v2", "runc", "busybox"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skip(err)
		}
	}
	directory := t.TempDir()
	pidFile := directory + "/pid"
	// The wrapper tells its pid, which exec keeps.
	write(t, directory+"/start", "#!/bin/sh\necho $$ > "+pidFile+"\nexec containerd \"$@\"\n")
	write(t, directory+"/config.toml", fmt.Sprintf(
		"version = 2\nroot = %q\nstate = %q\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n[grpc]\naddress = %q\n",
		directory+"/root", directory+"/state", directory+"/socket"))
	write(t, directory+"/runtime-config.toml", fmt.Sprintf("cliopts = \"--config %s/config.toml\"\nstderr = %q\n", directory, directory+"/log"))
	t.Cleanup(func() {
		var pid int
		fmt.Sscan(read(t, pidFile), &pid)
		syscall.Kill(pid, syscall.SIGKILL)
	})
	client, err := startDaemon(directory+"/start", directory+"/runtime-config.toml", directory+"/socket")
	if err != nil {
		t.Skipf("containerd does not run here: %v", err)
	}
	t.Cleanup(func() { client.Close() })
	messages := &strings.Builder{}
	return services{
		client:    client,
		namespace: "test",
		bundles:   directory + "/services",
		logs:      logs.New(t.TempDir()),
		log:       logger{out: messages, level: infoLevel},
	}, messages
}

// add makes the bundle of a service that runs a shell script.
func (s services) add(t *testing.T, name, script, runtimeJSON string) {
	t.Helper()
	bundle := filepath.Join(s.bundles, name)
	busybox, _ := exec.LookPath("busybox")
	write(t, bundle+"/rootfs/busybox", read(t, busybox))
	write(t, bundle+"/runtime.json", runtimeJSON)
	for _, directory := range []string{"proc", "shared"} {
		os.Mkdir(bundle+"/rootfs/"+directory, 0o755)
	}
	shared := filepath.Join(s.bundles, "..", "shared")
	os.MkdirAll(shared, 0o755)
	config, _ := json.Marshal(map[string]any{
		"ociVersion": "1.0.2",
		"process":    map[string]any{"args": []string{"/busybox", "sh", "-c", script}, "cwd": "/", "user": map[string]any{}},
		"root":       map[string]any{"path": "rootfs"},
		"mounts": []any{
			map[string]any{"destination": "/proc", "type": "proc", "source": "proc"},
			map[string]any{"destination": "/shared", "type": "bind", "source": shared, "options": []string{"rbind"}},
		},
		"linux": map[string]any{"namespaces": []any{map[string]any{"type": "mount"}, map[string]any{"type": "pid"}}},
	})
	write(t, bundle+"/config.json", string(config))
}

func TestServices(t *testing.T) {
	all, messages := startServices(t)
	ready := filepath.Join(all.bundles, "..", "shared", "ready")
	os.MkdirAll(filepath.Dir(ready), 0o755)
	if err := syscall.Mkfifo(ready, 0o600); err != nil {
		t.Fatal(err)
	}
	all.add(t, "bad", "", "{")
	all.add(t, "missing", "", `{"interfaces": [{"name": "absent0"}]}`)
	all.add(t, "web", "echo to stdout; echo to stderr >&2; echo up > /shared/ready; exec /busybox sleep 1000",
		`{"mkdir": ["made/deep"], "namespace": "own"}`)
	all.startAll()
	if strings.Contains(messages.String(), "failed to create task") {
		t.Skipf("runc cannot run containers here: %s", messages)
	}
	if text := read(t, ready); text != "up\n" {
		t.Errorf("%q", text)
	}
	for _, part := range []string{
		`level=error msg="cannot start service"`, "unexpected end of JSON input", "service=bad",
		`msg="preparing process" error="link absent0: no such device" service=missing`,
	} {
		if !strings.Contains(messages.String(), part) {
			t.Errorf("no %s in:\n%s", part, messages)
		}
	}
	if ids, err := all.client.ListContainers("own"); err != nil || strings.Join(ids, " ") != "web" {
		t.Errorf("%v %v", ids, err)
	}
	if !isDirectory(all.bundles + "/web/rootfs/made/deep") {
		t.Error("mkdir was not carried out")
	}

	// A restart, with the specification dumped.
	if err := all.stop("web"); err != nil {
		t.Fatal(err)
	}
	dump := filepath.Join(all.bundles, "..", "dump.json")
	if err := all.start("web", dump); err != nil {
		t.Fatal(err)
	}
	read(t, ready)
	var spec struct{ Root struct{ Path string } }
	if err := json.Unmarshal([]byte(read(t, dump)), &spec); err != nil || spec.Root.Path != all.bundles+"/web/rootfs" {
		t.Errorf("%+v %v", spec, err)
	}
	if err := all.start("web", ""); err == nil || !strings.Contains(err.Error(), "failed to create container") {
		t.Errorf("second start: %v", err)
	}
	if err := all.stop("web"); err != nil {
		t.Error(err)
	}
	if err := all.stop("web"); !containerd.IsNotFound(unwrapStep(err)) {
		t.Errorf("second stop: %v", err)
	}

	// What failed is still there and counts as stale at the next boot.
	if err := all.sweep(); err != nil || !strings.Contains(messages.String(), `Cleaning up stale service: "missing"`) {
		t.Errorf("%v: %s", err, messages)
	}
	if ids, err := all.client.ListContainers(all.namespace); err != nil || len(ids) != 0 {
		t.Errorf("%v %v", ids, err)
	}
}

func unwrapStep(err error) error {
	if step, ok := err.(stepError); ok {
		return step.err
	}
	return err
}

func TestLoadSpec(t *testing.T) {
	bundle := t.TempDir()
	write(t, bundle+"/config.json", `{"big": 18446744073709551615, "root": {"path": "rootfs", "readonly": true}}`)
	want := fmt.Sprintf(`{"big":18446744073709551615,"root":{"path":"%s/rootfs","readonly":true}}`, bundle)
	if spec, err := loadSpec(bundle); err != nil || string(spec) != want {
		t.Errorf("%s %v", spec, err)
	}
	for _, text := range []string{"", "null", "{}", `{"root": 1}`} {
		write(t, bundle+"/config.json", text)
		if spec, err := loadSpec(bundle); err == nil || !strings.Contains(err.Error(), "config.json") {
			t.Errorf("%q: %s %v", text, spec, err)
		}
	}
}
