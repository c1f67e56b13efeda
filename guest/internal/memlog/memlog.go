// Package memlog speaks the protocol of memlogd, the daemon that keeps the last
// lines of all logs in memory.
package memlog

import (
	"os"
	"strings"
	"syscall"
	"time"
)

const (
	// WriteSocket takes logs: a datagram with a log's name and, attached, the
	// reading end of its stream.
	WriteSocket = "/var/run/linuxkit-external-logging.sock"
	// QuerySocket gives lines out: one JSON object each, after a byte that says
	// which are wanted.
	QuerySocket = "/var/run/memlogdq.sock"
)

// Mode is the byte that a query begins with.
type Mode byte

const (
	Dump          Mode = iota // the lines that there are; then the connection ends
	Follow                    // the lines to come
	DumpAndFollow             // both
)

// Entry is one line of a log.
type Entry struct {
	Time    time.Time `json:"time"`   // of its arrival
	Source  string    `json:"source"` // the log's name
	Message string    `json:"msg"`    // without the line end
}

// String is the entry as logread prints it: TIME;SOURCE;MESSAGE. A semicolon in
// the source is escaped, so the fields can be told apart.
func (e Entry) String() string {
	return e.Time.Format(time.RFC3339Nano) + ";" + strings.ReplaceAll(e.Source, ";", `\;`) + ";" + e.Message
}

// Open makes a log called name at the memlogd behind a write socket and returns
// the writing end of its stream.
func Open(socket, name string) (*os.File, error) {
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socketpair", err)
	}
	defer syscall.Close(pair[0])
	if err := Send(socket, name, pair[0]); err != nil {
		syscall.Close(pair[1])
		return nil, err
	}
	return os.NewFile(uintptr(pair[1]), name), nil
}

// Send hands the reading end of a stream to memlogd as the log called name. The
// caller keeps its descriptor.
func Send(socket, name string, descriptor int) error {
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_DGRAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	defer syscall.Close(fd)
	err = syscall.Sendmsg(fd, []byte(name), syscall.UnixRights(descriptor), &syscall.SockaddrUnix{Name: socket}, 0)
	if err != nil {
		return &os.PathError{Op: "sendmsg", Path: socket, Err: err}
	}
	return nil
}

// Query asks for lines and returns the stream of entries. Closing it ends a Read
// under way.
func Query(socket string, mode Mode) (*os.File, error) {
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	err = syscall.Connect(fd, &syscall.SockaddrUnix{Name: socket})
	if err == nil {
		_, err = syscall.Write(fd, []byte{byte(mode)})
	}
	if err == nil {
		// Only on a non-blocking descriptor does Close end a Read under way.
		err = syscall.SetNonblock(fd, true)
	}
	if err != nil {
		syscall.Close(fd)
		return nil, &os.PathError{Op: "connect", Path: socket, Err: err}
	}
	return os.NewFile(uintptr(fd), socket), nil
}
