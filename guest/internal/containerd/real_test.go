package containerd

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const space = "test"

// startContainerd runs a real containerd with all its state in a temporary
// directory, and connects to it.
func startContainerd(t *testing.T) *Client {
	t.Helper()
	for _, program := range []string{"containerd", "containerd-shim-runc-v2", "runc", "busybox"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skip(err)
		}
	}
	directory := t.TempDir()
	socket := filepath.Join(directory, "socket")
	configuration := filepath.Join(directory, "config.toml")
	text := fmt.Sprintf("version = 2\nroot = %q\nstate = %q\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n[grpc]\naddress = %q\n",
		directory+"/root", directory+"/state", socket)
	if err := os.WriteFile(configuration, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	output, err := os.Create(filepath.Join(directory, "output"))
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command("containerd", "--config", configuration)
	command.Stdout, command.Stderr = output, output
	if err := command.Start(); err != nil {
		t.Skip(err)
	}
	ended := make(chan struct{})
	go func() {
		command.Wait()
		close(ended)
	}()
	t.Cleanup(func() {
		command.Process.Kill()
		<-ended
	})
	for {
		if client, err := Dial(socket); err == nil {
			t.Cleanup(func() { client.Close() })
			return client
		}
		select {
		case <-ended:
			text, _ := os.ReadFile(output.Name())
			t.Skipf("containerd does not run here: %s", text)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// specification is a bundle around a static busybox that runs a shell script.
func specification(t *testing.T, script string) []byte {
	t.Helper()
	root := filepath.Join(t.TempDir(), "rootfs")
	if err := os.MkdirAll(filepath.Join(root, "proc"), 0o755); err != nil {
		t.Fatal(err)
	}
	busybox, _ := exec.LookPath("busybox")
	program, err := os.ReadFile(busybox)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "busybox"), program, 0o755); err != nil {
		t.Fatal(err)
	}
	spec, err := json.Marshal(map[string]any{
		"ociVersion": "1.0.2",
		"process":    map[string]any{"args": []string{"/busybox", "sh", "-c", script}, "cwd": "/", "user": map[string]any{}},
		"root":       map[string]any{"path": root},
		"mounts":     []any{map[string]any{"destination": "/proc", "type": "proc", "source": "proc"}},
		"linux":      map[string]any{"namespaces": []any{map[string]any{"type": "mount"}, map[string]any{"type": "pid"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return spec
}

func TestRealContainerd(t *testing.T) {
	client := startContainerd(t)
	if ids, err := client.ListContainers(space); err != nil || len(ids) != 0 {
		t.Fatalf("%v %v", ids, err)
	}
	spec := specification(t, "echo to stdout; echo to stderr >&2; read line || echo no input; exit 7")
	if err := client.CreateContainer(space, "one", spec); err != nil {
		t.Fatal(err)
	}
	if err := client.CreateContainer(space, "one", spec); err == nil || !strings.Contains(err.Error(), "already exists") {
		t.Errorf("second creation: %v", err)
	}
	if ids, err := client.ListContainers(space); err != nil || len(ids) != 1 || ids[0] != "one" {
		t.Errorf("%v %v", ids, err)
	}
	if ids, err := client.ListContainers("elsewhere"); err != nil || len(ids) != 0 {
		t.Errorf("%v %v", ids, err)
	}

	stdout, stderr := filepath.Join(t.TempDir(), "out"), filepath.Join(t.TempDir(), "err")
	for _, path := range []string{stdout, stderr} {
		if err := os.WriteFile(path, []byte("before\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	pid, err := client.CreateTask(space, "one", stdout, stderr)
	if err != nil {
		if strings.Contains(err.Error(), "cgroup") || strings.Contains(err.Error(), "not permitted") {
			t.Skipf("runc cannot run containers here: %v", err)
		}
		t.Fatal(err)
	}
	if _, err := os.Stat(fmt.Sprintf("/proc/%d/ns/pid", pid)); err != nil {
		t.Error(err)
	}
	if err := client.StartTask(space, "one"); err != nil {
		t.Fatal(err)
	}
	if status, err := client.WaitTask(space, "one"); err != nil || status != 7 {
		t.Errorf("status %d, %v", status, err)
	}
	if err := client.KillTask(space, "one", 9); !IsNotFound(err) {
		t.Errorf("kill of an ended process: %v", err)
	}
	// Deleting waits until the shim has copied the output.
	if err := client.DeleteTask(space, "one"); err != nil {
		t.Error(err)
	}
	for path, want := range map[string]string{stdout: "before\nto stdout\nno input\n", stderr: "before\nto stderr\n"} {
		if text, err := os.ReadFile(path); err != nil || string(text) != want {
			t.Errorf("%q %v, want %q", text, err, want)
		}
	}
	if err := client.DeleteContainer(space, "one"); err != nil {
		t.Error(err)
	}
	if err := client.DeleteContainer(space, "one"); !IsNotFound(err) {
		t.Errorf("second deletion: %v", err)
	}
}

func TestRealTaskCreationFails(t *testing.T) {
	client := startContainerd(t)
	spec := specification(t, "")
	spec = []byte(strings.Replace(string(spec), "/busybox", "/missing-program", 1))
	if err := client.CreateContainer(space, "bad", spec); err != nil {
		t.Fatal(err)
	}
	_, err := client.CreateTask(space, "bad", "/dev/null", "/dev/null")
	if err == nil || !strings.Contains(err.Error(), "missing-program") {
		t.Errorf("%v", err)
	}
	if err := client.DeleteContainer(space, "bad"); err != nil {
		t.Error(err)
	}
}
