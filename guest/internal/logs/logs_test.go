package logs

import (
	"bufio"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// console is a writer that tells about everything written to it.
type console struct {
	mutex sync.Mutex
	text  strings.Builder
	grown chan struct{}
}

func newConsole() *console { return &console{grown: make(chan struct{}, 1000)} }

func (c *console) Write(data []byte) (int, error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.text.Write(data)
	c.grown <- struct{}{}
	return len(data), nil
}

func (c *console) String() string {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.text.String()
}

func (c *console) await(t *testing.T, text string) {
	t.Helper()
	for limit := time.After(20 * time.Second); !strings.Contains(c.String(), text); {
		select {
		case <-c.grown:
		case <-limit:
			t.Fatalf("%q never came, only %q", text, c)
		}
	}
}

// follow runs the same scenario on every kind of sink.
func follow(t *testing.T, sink Sink) {
	t.Helper()
	first, err := sink.Open("onboot.000-x.out")
	if err != nil {
		t.Fatal(err)
	}
	defer first.File.Close()
	second, err := sink.Open("onboot.000-x")
	if err != nil {
		t.Fatal(err)
	}
	defer second.File.Close()
	screen := newConsole()
	stop, err := sink.Follow(screen, first, second)
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command("sh", "-c", "echo live; read line; echo to stderr >&2; echo last; (sleep 60 &)")
	command.Stdout, command.Stderr = first.File, second.File
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	input, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	// The background process that keeps the log open must not delay anything.
	defer syscall.Kill(-command.Process.Pid, syscall.SIGKILL)
	screen.await(t, "live\n")
	input.Write([]byte("go\n"))
	if err := command.Wait(); err != nil {
		t.Fatal(err)
	}
	stop()
	for _, line := range []string{"live\n", "to stderr\n", "last\n"} {
		if strings.Count(screen.String(), line) != 1 {
			t.Errorf("console: %q", screen)
		}
	}
}

func TestFiles(t *testing.T) {
	directory := t.TempDir()
	sink := files{directory: directory}
	path := filepath.Join(directory, "onboot.000-x.out.log")
	if err := os.WriteFile(path, []byte("earlier\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	follow(t, sink)
	if text, _ := os.ReadFile(path); string(text) != "earlier\nlive\nlast\n" {
		t.Errorf("%q", text)
	}
	if text, _ := os.ReadFile(filepath.Join(directory, "onboot.000-x.log")); string(text) != "to stderr\n" {
		t.Errorf("%q", text)
	}
}

func TestFilePath(t *testing.T) {
	sink := files{directory: t.TempDir()}
	want := filepath.Join(sink.directory, "web.log")
	os.WriteFile(want, []byte("old"), 0o644)
	path, release, err := sink.Path("web")
	release()
	if err != nil || path != want {
		t.Errorf("%s %v", path, err)
	}
	if text, err := os.ReadFile(path); err != nil || len(text) != 0 {
		t.Errorf("%q %v", text, err)
	}
	if path, _, err := (files{directory: "/nowhere"}).Path("web"); path != os.DevNull || err == nil {
		t.Errorf("%s %v", path, err)
	}
}

// fakeMemlogd keeps lines and serves the dump-and-follow mode.
type fakeMemlogd struct {
	mutex   sync.Mutex
	lines   []map[string]any
	changed *sync.Cond
	ended   chan string
}

func startMemlogd(t *testing.T) (*fakeMemlogd, daemon) {
	t.Helper()
	directory := t.TempDir()
	client := daemon{write: directory + "/write", query: directory + "/query", fifos: directory}
	fake := &fakeMemlogd{ended: make(chan string, 10)}
	fake.changed = sync.NewCond(&fake.mutex)
	fake.add("other", "not for this console")
	input, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: client.write, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	queries, err := net.Listen("unix", client.query)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { input.Close(); queries.Close() })
	go fake.takeLogs(input)
	go func() {
		for {
			query, err := queries.Accept()
			if err != nil {
				return
			}
			go fake.serve(query)
		}
	}()
	return fake, client
}

func (f *fakeMemlogd) add(source, text string) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.lines = append(f.lines, map[string]any{"time": time.Now(), "source": source, "msg": text})
	f.changed.Broadcast()
}

func (f *fakeMemlogd) takeLogs(input *net.UnixConn) {
	for {
		name, rights := make([]byte, 512), make([]byte, 512)
		size, rightsSize, _, _, err := input.ReadMsgUnix(name, rights)
		if err != nil {
			return
		}
		messages, _ := syscall.ParseSocketControlMessage(rights[:rightsSize])
		descriptors, _ := syscall.ParseUnixRights(&messages[0])
		go func() {
			log := os.NewFile(uintptr(descriptors[0]), "log")
			for lines := bufio.NewScanner(log); lines.Scan(); {
				f.add(string(name[:size]), lines.Text())
			}
			log.Close()
			f.ended <- string(name[:size])
		}()
	}
}

func (f *fakeMemlogd) serve(query net.Conn) {
	defer query.Close()
	mode := make([]byte, 1)
	query.Read(mode)
	encoder := json.NewEncoder(query)
	for next := 0; mode[0] == 2; next++ {
		f.mutex.Lock()
		for next >= len(f.lines) {
			f.changed.Wait()
		}
		line := f.lines[next]
		f.mutex.Unlock()
		if encoder.Encode(line) != nil {
			return
		}
	}
}

func TestMemlogd(t *testing.T) {
	_, client := startMemlogd(t)
	follow(t, client)
}

func TestMemlogdFifo(t *testing.T) {
	fake, client := startMemlogd(t)
	path, release, err := client.Path("web.out")
	if err != nil || path != client.fifos+"/web.out.log" {
		t.Fatal(path, err)
	}
	// What the shim does.
	shim, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	release()
	shim.WriteString("from the service\n")
	shim.Close()
	if name := <-fake.ended; name != "web.out" {
		t.Errorf("%s ended", name)
	}
	if line := fake.lines[len(fake.lines)-1]; line["msg"] != "from the service" || line["source"] != "web.out" {
		t.Errorf("%v", line)
	}
}

func TestMemlogdIsGone(t *testing.T) {
	client := daemon{write: t.TempDir() + "/write", query: t.TempDir() + "/query", fifos: t.TempDir()}
	if _, err := client.Open("x"); err == nil {
		t.Error("opened")
	}
	if path, _, err := client.Path("x"); err == nil || path != os.DevNull {
		t.Errorf("%s %v", path, err)
	}
	if stop, err := client.Follow(newConsole()); err == nil {
		t.Error("followed")
	} else {
		stop()
	}
}
