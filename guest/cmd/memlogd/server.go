package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"linuxkit/guest/internal/memlog"
)

// ownSource is the name under which memlogd itself logs.
const ownSource = "memlogd"

// descriptorSize is that of an int, of which SCM_RIGHTS of unix(7) has an array.
const descriptorSize = 4

// maxName is how much of a log's name is read, in bytes.
const maxName = 512

// server is a memlogd.
type server struct {
	ring          *ring
	maxLineLength int
	out           io.Writer // shows everything that arrives
}

// run serves both sockets until one of them fails.
func (s server) run(logs *net.UnixConn, queries net.Listener) error {
	s.log(ownSource, "memlogd started")
	failed := make(chan error)
	go func() { failed <- s.takeLogs(logs) }()
	go func() { failed <- s.takeQueries(queries) }()
	return <-failed
}

// log adds a line that arrives now.
func (s server) log(source, message string) {
	entry := memlog.Entry{Time: time.Now(), Source: source, Message: message}
	s.ring.add(entry)
	fmt.Fprintln(s.out, entry)
}

// takeLogs takes logs over: a datagram with the name, and the stream attached.
func (s server) takeLogs(socket *net.UnixConn) error {
	name, rights := make([]byte, maxName), make([]byte, syscall.CmsgLen(descriptorSize))
	for {
		size, rightsSize, _, _, err := socket.ReadMsgUnix(name, rights)
		if err != nil {
			return err
		}
		stream, err := attachedFile(rights[:rightsSize])
		if err != nil {
			s.log(ownSource, fmt.Sprintf("log %q: %v", name[:size], err))
			continue
		}
		go s.read(string(name[:size]), stream)
	}
}

// attachedFile returns the file that came with a datagram.
func attachedFile(rights []byte) (*os.File, error) {
	messages, err := syscall.ParseSocketControlMessage(rights)
	if err != nil {
		return nil, err
	}
	if len(messages) == 0 {
		return nil, errors.New("no stream is attached")
	}
	descriptors, err := syscall.ParseUnixRights(&messages[0])
	if err != nil {
		return nil, err
	}
	// The buffer has room for exactly one, so the kernel passed no others.
	// A descriptor that cannot block costs no thread while nothing comes.
	syscall.SetNonblock(descriptors[0], true)
	return os.NewFile(uintptr(descriptors[0]), "log"), nil
}

func (s server) read(name string, stream io.ReadCloser) {
	defer stream.Close()
	err := eachLine(stream, s.maxLineLength, func(line string) { s.log(name, line) })
	if err != nil {
		s.log(ownSource, fmt.Sprintf("log %q: %v", name, err))
	}
}

func (s server) takeQueries(listener net.Listener) error {
	for {
		connection, err := listener.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer connection.Close()
			if err := s.answer(connection); err != nil && !isGone(err) {
				s.log(ownSource, fmt.Sprintf("query: %v", err))
			}
		}()
	}
}

// isGone tells whether an error only says that the reader went away.
func isGone(err error) bool {
	return err == io.EOF || errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET)
}

// answer serves one query; see package memlog.
func (s server) answer(connection io.ReadWriter) error {
	var mode [1]byte
	if _, err := io.ReadFull(connection, mode[:]); err != nil {
		return err
	}
	number, end := uint64(0), s.ring.end()
	switch memlog.Mode(mode[0]) {
	case memlog.Dump:
	case memlog.DumpAndFollow:
		end = ^uint64(0)
	case memlog.Follow:
		number, end = end, ^uint64(0)
	default:
		// Perhaps a later protocol: it gets nothing, and no error.
		_, err := io.Copy(io.Discard, connection)
		return err
	}
	encoder := json.NewEncoder(connection)
	encoder.SetEscapeHTML(false)
	for number < end {
		var entry memlog.Entry
		entry, number = s.ring.from(number)
		if err := encoder.Encode(entry); err != nil {
			return err
		}
	}
	return nil
}
