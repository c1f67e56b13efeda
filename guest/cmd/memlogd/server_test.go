package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"linuxkit/guest/internal/memlog"
)

// start runs a memlogd of this process and returns its sockets.
func start(t *testing.T, lines, length int) (server, options) {
	t.Helper()
	directory := t.TempDir()
	o := options{directory + "/log", directory + "/query", notInherited, notInherited, lines, length, false}
	logs, err := openLogSocket(o)
	if err != nil {
		t.Fatal(err)
	}
	queries, err := openQuerySocket(o)
	if err != nil {
		t.Fatal(err)
	}
	s := server{newRing(lines), length, io.Discard}
	ended := make(chan error)
	go func() { ended <- s.run(logs, queries) }()
	t.Cleanup(func() {
		logs.Close()
		<-ended
		queries.Close()
	})
	return s, o
}

// reader gives the entries of a query.
type reader struct {
	*json.Decoder
	t *testing.T
}

func query(t *testing.T, socket string, mode memlog.Mode) reader {
	t.Helper()
	connection, err := memlog.Query(socket, mode)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { connection.Close() })
	return reader{json.NewDecoder(connection), t}
}

// next returns "SOURCE: MESSAGE", or nothing at the end.
func (r reader) next() string {
	r.t.Helper()
	var entry memlog.Entry
	if err := r.Decode(&entry); err == io.EOF {
		return ""
	} else if err != nil {
		r.t.Fatal(err)
	}
	if entry.Time.IsZero() || time.Since(entry.Time) > time.Hour {
		r.t.Errorf("arrived at %v", entry.Time)
	}
	return entry.Source + ": " + entry.Message
}

func (r reader) expect(lines ...string) {
	r.t.Helper()
	for _, line := range lines {
		if got := r.next(); got != line {
			r.t.Fatalf("%q, want %q", got, line)
		}
	}
}

func TestProtocol(t *testing.T) {
	_, o := start(t, 100, 20)
	both := query(t, o.querySocket, memlog.DumpAndFollow)
	both.expect("memlogd: memlogd started")
	log, err := memlog.Open(o.logSocket, "onboot.000-x.out")
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(log, "first <&>\r\nsecond\n"+strings.Repeat("y", 5000)+"\nunfinished")
	log.Close()
	lines := []string{"onboot.000-x.out: first <&>", "onboot.000-x.out: second",
		"onboot.000-x.out: " + strings.Repeat("y", 20), "onboot.000-x.out: unfinished"}
	both.expect(lines...)
	dump := query(t, o.querySocket, memlog.Dump)
	dump.expect(append(append([]string{"memlogd: memlogd started"}, lines...), "")...)
}

func TestFollow(t *testing.T) {
	s, o := start(t, 100, 20)
	connection, err := net.Dial("unix", o.querySocket)
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	connection.Write([]byte{byte(memlog.Follow)})
	// When the query has been seen shows only when something comes through.
	come := make(chan struct{})
	go func() {
		for number := 0; ; number++ {
			select {
			case <-come:
				return
			default:
				s.log("clock", fmt.Sprint(number))
			}
		}
	}()
	entry := reader{json.NewDecoder(connection), t}.next()
	close(come)
	if !strings.HasPrefix(entry, "clock: ") {
		t.Errorf("%q", entry)
	}
}

func TestRingKeepsTheLastLines(t *testing.T) {
	s, o := start(t, 3, 20)
	query(t, o.querySocket, memlog.DumpAndFollow).expect("memlogd: memlogd started")
	for number := 1; number <= 10; number++ {
		s.log("n", fmt.Sprint(number))
	}
	query(t, o.querySocket, memlog.Dump).expect("n: 8", "n: 9", "n: 10", "")
}

func TestSlowReaderMissesLinesAndBlocksNobody(t *testing.T) {
	s, o := start(t, 5, 1000)
	slow := query(t, o.querySocket, memlog.DumpAndFollow)
	slow.expect("memlogd: memlogd started")
	// Far more than fits in the socket.
	for number := 0; number < 5000; number++ {
		s.log("flood", strings.Repeat("z", 1000))
	}
	s.log("flood", "end")
	count := 1
	for slow.next() != "flood: end" {
		count++
	}
	if count >= 5000 {
		t.Errorf("got all %d", count)
	}
}

func TestDatagramWithoutAStream(t *testing.T) {
	_, o := start(t, 10, 100)
	socket, err := net.Dial("unixgram", o.logSocket)
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	socket.Write([]byte("name"))
	query(t, o.querySocket, memlog.DumpAndFollow).expect("memlogd: memlogd started", `memlogd: log "name": no stream is attached`)
}

func TestOnlyOneStreamIsTaken(t *testing.T) {
	_, o := start(t, 10, 100)
	var pipes [4]int
	syscall.Pipe(pipes[:2])
	syscall.Pipe(pipes[2:])
	socket, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_DGRAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(socket)
	rights := syscall.UnixRights(pipes[0], pipes[2])
	if err := syscall.Sendmsg(socket, []byte("two"), rights, &syscall.SockaddrUnix{Name: o.logSocket}, 0); err != nil {
		t.Fatal(err)
	}
	syscall.Write(pipes[1], []byte("came\n"))
	query(t, o.querySocket, memlog.DumpAndFollow).expect("memlogd: memlogd started", "two: came")
	// Nobody but this test reads the second pipe: without it, it is broken.
	syscall.Close(pipes[0])
	syscall.Close(pipes[2])
	if _, err := syscall.Write(pipes[3], []byte("x")); err != syscall.EPIPE {
		t.Errorf("memlogd holds the second stream: %v", err)
	}
	syscall.Close(pipes[3])
	syscall.Close(pipes[1])
}

func TestUnknownQuery(t *testing.T) {
	_, o := start(t, 10, 100)
	connection, err := net.Dial("unix", o.querySocket)
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	connection.Write([]byte{77})
	connection.(*net.UnixConn).CloseWrite()
	if rest, err := io.ReadAll(connection); len(rest) > 0 || err != nil {
		t.Errorf("%q %v", rest, err)
	}
}

func TestDaemonize(t *testing.T) {
	directory := t.TempDir()
	program := filepath.Join(directory, "memlogd")
	if output, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	log, lines := directory+"/log", directory+"/query"
	defer stop(t, program)
	command := exec.Command(program, "-daemonize", "-socket-log", log, "-socket-query", lines, "-max-lines", "2", "-max-line-len", "3")
	if output, err := command.CombinedOutput(); err != nil || len(output) > 0 {
		t.Fatalf("%v\n%s", err, output)
	}
	stream, err := memlog.Open(log, "x")
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(stream, "abcdef\n2\n")
	stream.Close()
	both := query(t, lines, memlog.DumpAndFollow)
	for both.next() != "x: 2" {
	}
	query(t, lines, memlog.Dump).expect("x: abc", "x: 2", "")
	again := exec.Command(program, "-socket-log", log, "-socket-query", lines)
	if output, err := again.CombinedOutput(); err == nil || !strings.Contains(string(output), "address already in use") {
		t.Errorf("%v %s", err, output)
	}
}

// stop ends the processes that run a program.
func stop(t *testing.T, program string) {
	links, err := filepath.Glob("/proc/[0-9]*/exe")
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range links {
		if target, err := os.Readlink(link); err != nil || target != program {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(link)))
		if err != nil {
			t.Fatal(err)
		}
		syscall.Kill(pid, syscall.SIGKILL)
	}
}

func TestBadOptions(t *testing.T) {
	if err := run(options{maxLines: 0, maxLineLength: 1}); err == nil {
		t.Error("no lines")
	}
	if err := run(options{maxLines: 1, maxLineLength: 0}); err == nil {
		t.Error("empty lines")
	}
	o := options{logSocket: "/nowhere/log", logDescriptor: notInherited, queryDescriptor: notInherited, maxLines: 1, maxLineLength: 1}
	if err := run(o); err == nil {
		t.Error("no directory")
	}
}
