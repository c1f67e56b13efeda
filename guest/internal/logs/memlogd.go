package logs

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"
	"unsafe"

	"linuxkit/guest/internal/memlog"
)

// daemon hands the reading side of every log to memlogd, which keeps the last
// lines in memory.
type daemon struct {
	write string // datagram socket that takes logs
	query string // stream socket that gives lines out
	fifos string // directory for the fifos of services
}

func (d daemon) Open(name string) (*Log, error) {
	file, err := memlog.Open(d.write, name)
	if err != nil {
		return nil, err
	}
	return &Log{Name: name, File: file}, nil
}

func (d daemon) Path(name string) (string, func(), error) {
	path := filepath.Join(d.fifos, name+".log")
	writer, err := d.fifo(name, path)
	if err != nil {
		return os.DevNull, nothing, err
	}
	return path, func() { writer.Close() }, nil
}

// fifo makes a fifo, gives its reading side to memlogd and returns its writing
// side. That must stay open until the shim has opened the fifo too, or memlogd
// would take it for ended.
func (d daemon) fifo(name, path string) (*os.File, error) {
	os.Remove(path)
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		return nil, &os.PathError{Op: "mkfifo", Path: path, Err: err}
	}
	reader, err := syscall.Open(path, syscall.O_RDONLY|syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	defer syscall.Close(reader)
	writer, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return nil, err
	}
	// Only opening must not block; how memlogd reads is its own affair.
	if err = syscall.SetNonblock(reader, false); err == nil {
		err = memlog.Send(d.write, name, reader)
	}
	if err != nil {
		writer.Close()
		return nil, err
	}
	return writer, nil
}

// Follow asks for the lines that memlogd has, too: following alone would miss
// what arrives before memlogd has seen the request. Lines of other logs are
// filtered out by name.
func (d daemon) Follow(out io.Writer, list ...*Log) (func(), error) {
	connection, err := memlog.Query(d.query, memlog.DumpAndFollow)
	if err != nil {
		return nothing, err
	}
	wanted := map[string]bool{}
	for _, log := range list {
		wanted[log.Name] = true
	}
	lines := make(chan struct{}, 1)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		input := bufio.NewReader(connection)
		for {
			line, err := input.ReadBytes('\n')
			if err != nil {
				return
			}
			var entry memlog.Entry
			if json.Unmarshal(line, &entry) != nil || !wanted[entry.Source] {
				continue
			}
			io.WriteString(out, entry.Message+"\n")
			select {
			case lines <- struct{}{}:
			default:
			}
		}
	}()
	return func() {
		settle(list, lines)
		connection.Close()
		<-ended
	}, nil
}

const (
	quiet    = 100 * time.Millisecond
	patience = 2 * time.Second
)

// settle waits until memlogd has read everything and no more lines come back.
// The protocol has no mark for that; a process that still writes is not waited
// for beyond patience.
func settle(list []*Log, lines <-chan struct{}) {
	limit := time.After(patience)
	for {
		select {
		case <-lines:
		case <-limit:
			return
		case <-time.After(quiet):
			if unread(list) == 0 {
				return
			}
		}
	}
}

// unread is the amount of data that memlogd has not fetched yet, see
// SIOCOUTQ in unix(7) and tcp(7).
func unread(list []*Log) (amount int32) {
	for _, log := range list {
		var size int32
		_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, log.File.Fd(), syscall.TIOCOUTQ, uintptr(unsafe.Pointer(&size)))
		if errno == 0 {
			amount += size
		}
	}
	return amount
}
