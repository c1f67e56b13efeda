package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"linuxkit/guest/internal/logs"
)

// fakeRunc behaves like runc for bundles whose file program is a shell script.
// It notes its calls. Files in a bundle make it fail.
const fakeRunc = `#!/bin/sh
echo "$@" >> STATE/calls
case $1 in
create)
	bundle=$3 pid=$5 name=$6
	if [ -f $bundle/fail-create ]; then
		echo "the reason why not" >&2
		exit 1
	fi
	mkfifo STATE/$name
	(read go < STATE/$name && rm STATE/$name && exec sh $bundle/program) &
	echo $! | tee STATE/$name.pid > $pid
	;;
start)
	[ ! -f BUNDLES/$2/fail-start ] && echo go > STATE/$2
	;;
ps)
	cat BUNDLES/$4/processes
	;;
delete)
	[ ! -p STATE/$3 ] || kill $(cat STATE/$3.pid)
	;;
esac
`

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// bench is a sequence whose console is a pipe.
type bench struct {
	sequence
	screen *os.File
	state  string
}

func newBench(t *testing.T) *bench {
	t.Helper()
	if err := becomeSubreaper(); err != nil {
		t.Skip(err)
	}
	screen, console, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { screen.Close() })
	directory := t.TempDir()
	b := &bench{screen: screen, state: directory + "/state", sequence: sequence{
		kind:      "onboot",
		bundles:   directory + "/bundles",
		temporary: t.TempDir(),
		runc:      runc{program: directory + "/runc"},
		logs:      logs.New(t.TempDir()),
		log:       logger{out: console, level: infoLevel},
		stages:    logger{out: console},
		console:   output{console, console},
	}}
	script := strings.ReplaceAll(fakeRunc, "STATE", b.state)
	write(t, b.runc.program, strings.ReplaceAll(script, "BUNDLES", b.bundles))
	write(t, b.state+"/calls", "")
	return b
}

// add makes a bundle; files is a list of names and contents.
func (b *bench) add(t *testing.T, name string, files ...string) {
	t.Helper()
	write(t, filepath.Join(b.bundles, name, "config.json"), `{"linux": {"namespaces": [{"type": "pid"}]}}`)
	for i := 0; i < len(files); i += 2 {
		write(t, filepath.Join(b.bundles, name, files[i]), files[i+1])
	}
}

// play runs the sequence and returns its status and the console's text.
func (b *bench) play() (status int, text string) {
	done := make(chan string)
	go func() {
		text, _ := io.ReadAll(b.screen)
		done <- string(text)
	}()
	status = b.run()
	b.console.stdout.Close()
	return status, <-done
}

func TestSequence(t *testing.T) {
	b := newBench(t)
	b.add(t, "002-last", "program", "kill -9 $$")
	b.add(t, "000-first", "program", "echo to stdout; echo to stderr >&2")
	b.add(t, "001-seven", "program", "echo partial; exit 7")
	status, text := b.play()
	want := strings.ReplaceAll(`onboot 000-first: from DIR/000-first
to stdout
to stderr
onboot 001-seven: from DIR/001-seven
partial
onboot 001-seven: exited with status 7
onboot 002-last: from DIR/002-last
onboot 002-last: killed by signal 9 (killed)
`, "DIR", b.bundles)
	// The two streams of one container have no order between them.
	text = strings.Replace(text, "to stderr\nto stdout\n", "to stdout\nto stderr\n", 1)
	if status != 0 || text != want {
		t.Errorf("status %d, console:\n%s", status, text)
	}
	var calls []string
	for _, name := range []string{"000-first", "001-seven", "002-last"} {
		calls = append(calls,
			fmt.Sprintf("create --bundle %s/%s --pid-file %s/%s %s", b.bundles, name, b.temporary, name, name),
			"start "+name, "delete --force "+name)
	}
	if got := read(t, b.state+"/calls"); got != strings.Join(calls, "\n")+"\n" {
		t.Errorf("calls:\n%s", got)
	}
	if left, _ := os.ReadDir(b.temporary); len(left) != 0 {
		t.Errorf("pid files left: %v", left)
	}
}

func TestSequenceFailures(t *testing.T) {
	b := newBench(t)
	b.add(t, "000-json", "runtime.json", "{")
	b.add(t, "001-create", "fail-create", "", "program", "")
	b.add(t, "002-prepare", "runtime.json", `{"interfaces": [{"add": "dummy"}]}`, "program", "echo never")
	b.add(t, "003-start", "fail-start", "", "program", "echo never")
	b.add(t, "004-good", "program", "echo reached")
	status, text := b.play()
	want := strings.ReplaceAll(`onboot 000-json: from DIR/000-json
Error preparing 000-json: DIR/000-json/runtime.json: unexpected end of JSON input
onboot 001-create: from DIR/001-create
the reason why not
Error creating 001-create: exit status 1
onboot 002-prepare: from DIR/002-prepare
Cannot prepare process: 002-prepare: interface without a name
onboot 003-start: from DIR/003-start
Error starting 003-start: exit status 1
onboot 004-good: from DIR/004-good
reached
`, "DIR", b.bundles)
	if status != 1 || text != want {
		t.Errorf("status %d, console:\n%s", status, text)
	}
	var deleted []string
	for _, call := range strings.Split(read(t, b.state+"/calls"), "\n") {
		if name := strings.TrimPrefix(call, "delete --force "); name != call {
			deleted = append(deleted, name)
		}
	}
	if got := strings.Join(deleted, " "); got != "002-prepare 003-start 004-good" {
		t.Errorf("deleted: %s", got)
	}
}

// TestLiveOutput has a container that goes on only after the test has seen its
// first words on the console.
func TestLiveOutput(t *testing.T) {
	b := newBench(t)
	gate := b.state + "/gate"
	if err := syscall.Mkfifo(gate, 0o600); err != nil {
		t.Fatal(err)
	}
	b.add(t, "000-live", "program", "printf 'are you there? '; read answer < "+gate+"; echo $answer")
	done := make(chan int)
	go func() {
		status := b.run()
		b.console.stdout.Close()
		done <- status
	}()
	var text []byte
	for buffer := make([]byte, 100); !strings.HasSuffix(string(text), "are you there? "); {
		size, err := b.screen.Read(buffer)
		if err != nil {
			t.Fatalf("%v after %q", err, text)
		}
		text = append(text, buffer[:size]...)
	}
	write(t, gate, "yes\n")
	rest, _ := io.ReadAll(b.screen)
	if status := <-done; status != 0 || string(rest) != "yes\n" {
		t.Errorf("status %d, then %q", status, rest)
	}
}

func TestBackgroundHelperSurvives(t *testing.T) {
	b := newBench(t)
	b.add(t, "000-helper", "config.json", `{"linux": {"namespaces": [{"type": "mount"}]}}`, "processes", "[42]", "program", "")
	b.add(t, "001-none", "config.json", `{"linux": {"namespaces": [{"type": "pid", "path": "/proc/1/ns/pid"}]}}`,
		"processes", "null", "program", "")
	if status, text := b.play(); status != 0 {
		t.Errorf("status %d: %s", status, text)
	}
	calls := read(t, b.state+"/calls")
	if strings.Contains(calls, "delete --force 000-helper") || !strings.Contains(calls, "delete --force 001-none") {
		t.Errorf("calls:\n%s", calls)
	}
}

func TestDirectConsoleAndDebug(t *testing.T) {
	b := newBench(t)
	b.direct, b.runc.debug, b.stages.level = true, false, debugLevel
	b.add(t, "000-x", "program", "echo direct")
	_, text := b.play()
	text = regexp.MustCompile(`time="[^"]*"`).ReplaceAllString(text, "TIME")
	want := "onboot 000-x: from " + b.bundles + "/000-x\n"
	for _, stage := range []string{"creating", "preparing", "starting", "waiting for completion", "cleaning up", "complete"} {
		want += fmt.Sprintf("TIME level=debug msg=\"onboot 000-x: %s\"\n", stage)
	}
	if !strings.Contains(text, "direct\n") || strings.Replace(text, "direct\n", "", 1) != want {
		t.Errorf("%s", text)
	}
}

// TestRealRunc judges the assumptions about runc's behaviour.
func TestRealRunc(t *testing.T) {
	program, err := exec.LookPath("runc")
	if err != nil {
		t.Skip(err)
	}
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		t.Skip(err)
	}
	b := newBench(t)
	b.runc.program = program
	pidFile := filepath.Join(t.TempDir(), "pid")
	own := []any{map[string]any{"type": "mount"}, map[string]any{"type": "pid"}}
	names := map[string]string{}
	for number, container := range []struct {
		script     string
		namespaces []any
	}{
		{"echo to stdout; echo to stderr >&2; exit 7", own},
		{"/busybox sleep 100 & echo $! > /host/pid", own[:1]},
	} {
		name := fmt.Sprintf("%03d-linuxkit-test-%d", number, os.Getpid())
		names[name[:3]] = name
		bundle := filepath.Join(b.bundles, name)
		write(t, bundle+"/rootfs/busybox", read(t, busybox))
		for _, directory := range []string{"proc", "dev", "host"} {
			os.Mkdir(bundle+"/rootfs/"+directory, 0o755)
		}
		config, _ := json.Marshal(map[string]any{
			"ociVersion": "1.0.2",
			"process":    map[string]any{"args": []string{"/busybox", "sh", "-c", container.script}, "cwd": "/", "user": map[string]any{}},
			"root":       map[string]any{"path": "rootfs"},
			"mounts": []any{
				map[string]any{"destination": "/proc", "type": "proc", "source": "proc"},
				map[string]any{"destination": "/host", "type": "bind", "source": filepath.Dir(pidFile), "options": []string{"rbind"}},
			},
			"linux": map[string]any{"namespaces": container.namespaces},
		})
		write(t, bundle+"/config.json", string(config))
	}
	t.Cleanup(func() { b.runc.remove(names["001"]) })
	status, text := b.play()
	if status != 0 && (strings.Contains(text, "cgroup") || strings.Contains(text, "not permitted")) {
		t.Skipf("runc cannot run containers here: %s", text)
	}
	for _, line := range []string{"to stdout\n", "to stderr\n", names["000"] + ": exited with status 7\n"} {
		if !strings.Contains(text, line) {
			t.Errorf("no %q on the console:\n%s", line, text)
		}
	}
	if err := exec.Command(program, "state", names["000"]).Run(); err == nil {
		t.Error("the state of the ended container is still there")
	}
	if !b.runc.hasProcesses(names["001"], filepath.Join(b.bundles, names["001"])) {
		t.Error("the background helper is gone")
	}
	var pid int
	fmt.Sscan(read(t, pidFile), &pid)
	if err := syscall.Kill(pid, 0); pid == 0 || err != nil {
		t.Errorf("background helper %d: %v", pid, err)
	}
}
