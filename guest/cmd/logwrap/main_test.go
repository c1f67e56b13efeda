package main

import (
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
)

// take receives one log: its name and all of its text.
func take(t *testing.T, socket *net.UnixConn) (name, text string) {
	t.Helper()
	data, rights := make([]byte, 512), make([]byte, 512)
	size, rightsSize, _, _, err := socket.ReadMsgUnix(data, rights)
	if err != nil {
		t.Fatal(err)
	}
	messages, err := syscall.ParseSocketControlMessage(rights[:rightsSize])
	if err != nil || len(messages) != 1 {
		t.Fatal(messages, err)
	}
	descriptors, err := syscall.ParseUnixRights(&messages[0])
	if err != nil || len(descriptors) != 1 {
		t.Fatal(descriptors, err)
	}
	stream := os.NewFile(uintptr(descriptors[0]), "stream")
	defer stream.Close()
	content, err := io.ReadAll(stream)
	if err != nil {
		t.Fatal(err)
	}
	return string(data[:size]), string(content)
}

func TestRun(t *testing.T) {
	path := t.TempDir() + "/socket"
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	var stdout, stderr strings.Builder
	status, err := run(path, "job", []string{"sh", "-c", "echo one; echo two >&2; echo three; exit 7"}, &stdout, &stderr)
	if status != 7 || err != nil {
		t.Errorf("%d %v", status, err)
	}
	if stdout.String() != "one\nthree\n" || stderr.String() != "two\n" {
		t.Errorf("%q %q", stdout.String(), stderr.String())
	}
	if name, text := take(t, socket); name != "job.out" || text != "one\nthree\n" {
		t.Errorf("%q %q", name, text)
	}
	if name, text := take(t, socket); name != "job" || text != "two\n" {
		t.Errorf("%q %q", name, text)
	}
	if status, err := run(path, "job", []string{"true"}, &stdout, &stderr); status != 0 || err != nil {
		t.Errorf("%d %v", status, err)
	}
	if status, err := run(path, "job", []string{"sh", "-c", "kill -TERM $$"}, &stdout, &stderr); status != 128+15 || err != nil {
		t.Errorf("%d %v", status, err)
	}
	if status, err := run(path, "job", []string{"/no/such/program"}, &stdout, &stderr); status == 0 || err == nil {
		t.Errorf("%d %v", status, err)
	}
}

func TestNoDaemon(t *testing.T) {
	marker := t.TempDir() + "/ran"
	if status, err := run(t.TempDir()+"/socket", "x", []string{"touch", marker}, io.Discard, io.Discard); status == 0 || err == nil {
		t.Errorf("%d %v", status, err)
	}
	if _, err := os.Stat(marker); err == nil {
		t.Error("ran without a log")
	}
}
