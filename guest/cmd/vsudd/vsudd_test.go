package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"reflect"
	"strings"
	"syscall"
	"testing"
)

func TestPorts(t *testing.T) {
	var list portList
	for _, text := range []string{"2374:unix:/run/a.sock", "00000947-FACB-11e6-bd58-64006a7986d3:unix:b:c"} {
		if err := list.Set(text); err != nil {
			t.Error(err)
		}
	}
	if want := (portList{{2374, "/run/a.sock"}, {0x947, "b:c"}}); !reflect.DeepEqual(list, want) {
		t.Errorf("%v", list)
	}
	for _, text := range []string{
		"", "1", "1:", "1:unix:", "1:tcp:/x", "x:unix:/x", "-1:unix:/x", "4294967296:unix:/x",
		"12345678-0000-11e6-bd58-64006a7986d3:unix:/x", "-facb-11e6-bd58-64006a7986d3:unix:/x",
	} {
		if err := list.Set(text); err == nil {
			t.Errorf("%q", text)
		}
	}
}

// listenUnix is a listener of a family that every kernel has.
func listenUnix(t *testing.T, path string) *listener {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Bind(fd, &syscall.SockaddrUnix{Name: path}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(fd, backlog); err != nil {
		t.Fatal(err)
	}
	return &listener{fd}
}

func TestServe(t *testing.T) {
	directory := t.TempDir()
	target, err := net.Listen("unix", directory+"/target")
	if err != nil {
		t.Fatal(err)
	}
	defer target.Close()
	// It answers when it has heard all: only a half-closed connection lets it.
	go func() {
		for {
			heard, err := target.Accept()
			if err != nil {
				return
			}
			text, _ := io.ReadAll(heard)
			fmt.Fprintf(heard, "%d bytes", len(text))
			heard.Close()
		}
	}()
	entrance := listenUnix(t, directory+"/entrance")
	ended := make(chan error)
	go func() { ended <- serve(entrance, directory+"/target") }()
	for _, size := range []int{0, 5, 1 << 20} {
		caller, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: directory + "/entrance", Net: "unix"})
		if err != nil {
			t.Fatal(err)
		}
		caller.Write(bytes.Repeat([]byte("x"), size))
		caller.CloseWrite()
		if answer, err := io.ReadAll(caller); string(answer) != fmt.Sprintf("%d bytes", size) || err != nil {
			t.Errorf("%q %v", answer, err)
		}
		caller.Close()
	}
	target.Close()
	caller, err := net.Dial("unix", directory+"/entrance")
	if err != nil {
		t.Fatal(err)
	}
	if answer, _ := io.ReadAll(caller); len(answer) > 0 {
		t.Errorf("%q", answer)
	}
	syscall.Shutdown(entrance.fd, syscall.SHUT_RDWR)
	if err := <-ended; err == nil {
		t.Error("serves without a socket")
	}
}

// wire is a connection to the host that breaks after a number of messages.
type wire struct {
	text   strings.Builder
	left   int
	closed bool
}

func (w *wire) Write(data []byte) (int, error) {
	if w.left == 0 {
		return 0, errors.New("broken")
	}
	w.left--
	return w.text.Write(data)
}

func (w *wire) Close() error {
	w.closed = true
	return nil
}

func TestForwarder(t *testing.T) {
	var wires []*wire
	refuse := true
	f := &forwarder{dial: func() (io.WriteCloser, error) {
		if refuse {
			return nil, errors.New("nobody listens")
		}
		wires = append(wires, &wire{left: 2})
		return wires[len(wires)-1], nil
	}}
	if err := f.send([]byte("1 0")); err == nil {
		t.Error("nobody listens")
	}
	refuse = false
	for number := 1; number <= 5; number++ {
		if err := f.send([]byte(fmt.Sprintf("1 %d", number))); err != nil {
			t.Error(err)
		}
	}
	var texts []string
	for _, one := range wires {
		texts = append(texts, one.text.String())
	}
	if want := []string{"1 11 2", "1 21 31 4", "1 41 5"}; !reflect.DeepEqual(texts, want) {
		t.Errorf("%q", texts)
	}
	if !wires[0].closed || wires[2].closed {
		t.Error("a broken connection is closed, and no other")
	}
}

func TestForwarderReadsDatagrams(t *testing.T) {
	path := t.TempDir() + "/log"
	f, err := openForwarder("514:" + path)
	if err != nil {
		t.Fatal(err)
	}
	host, theirs := net.Pipe()
	f.dial = func() (io.WriteCloser, error) { return theirs, nil }
	ended := make(chan error)
	go func() { ended <- f.run() }()
	program, err := net.Dial("unixgram", path)
	if err != nil {
		t.Fatal(err)
	}
	program.Write([]byte("<13>hello\nworld"))
	got := make([]byte, 18)
	if _, err := io.ReadFull(host, got); string(got) != "15 <13>hello\nworld" {
		t.Errorf("%q %v", got, err)
	}
	f.socket.Close()
	if err := <-ended; err == nil {
		t.Error("goes on without a socket")
	}
	for _, text := range []string{"", "514", "x:/y", "514:", "514:/no/such/directory/log"} {
		if _, err := openForwarder(text); err == nil {
			t.Errorf("%q", text)
		}
	}
}

func TestNothingToDo(t *testing.T) {
	if err := run(options{}); err == nil {
		t.Error("ran")
	}
}
