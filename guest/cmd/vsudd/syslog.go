package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"strings"
)

// maxDatagram is more than a message of the log has, in bytes.
const maxDatagram = 64 << 10

// forwarder sends the datagrams of a socket to the host as RFC 6587 counts octets:
// LENGTH SPACE MESSAGE.
type forwarder struct {
	socket net.Conn
	dial   func() (io.WriteCloser, error)

	host io.WriteCloser // nil: not connected
	last []byte         // the message sent before, which a broken connection may have swallowed
}

// openForwarder opens the socket of "PORT:PATH" in place of what was there.
func openForwarder(text string) (*forwarder, error) {
	number, path, ok := strings.Cut(text, ":")
	if !ok || path == "" {
		return nil, fmt.Errorf("%q is not PORT:PATH", text)
	}
	port, err := parsePort(number)
	if err != nil {
		return nil, err
	}
	os.Remove(path)
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return nil, err
	}
	return &forwarder{socket: socket, dial: func() (io.WriteCloser, error) { return dialHost(port) }}, nil
}

func (f *forwarder) run() error {
	buffer := make([]byte, maxDatagram)
	for {
		size, err := f.socket.Read(buffer)
		if err != nil {
			return err
		}
		message := append([]byte(fmt.Sprintf("%d ", size)), buffer[:size]...)
		if err := f.send(message); err != nil {
			// The message is lost, as it is in any syslog.
			fmt.Fprintln(os.Stderr, "vsudd:", err)
		}
	}
}

// send sends a message. Over a new connection in place of a broken one the message
// before goes again: nobody knows whether it has arrived.
func (f *forwarder) send(message []byte) error {
	if f.host != nil {
		if _, err := f.host.Write(message); err == nil {
			f.last = message
			return nil
		}
		f.host.Close()
		f.host = nil
	}
	host, err := f.dial()
	if err != nil {
		return err
	}
	if _, err := host.Write(append(append([]byte(nil), f.last...), message...)); err != nil {
		host.Close()
		return err
	}
	f.host, f.last = host, message
	return nil
}
