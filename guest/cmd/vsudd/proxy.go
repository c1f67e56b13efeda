package main

import (
	"fmt"
	"io"
	"net"
	"os"
)

// connection is a stream that can be ended in one direction.
type connection interface {
	io.ReadWriteCloser
	CloseWrite() error
}

// serve leads every connection to the unix socket at path.
func serve(listener *listener, path string) error {
	for {
		incoming, err := listener.accept()
		if err != nil {
			return err
		}
		go func() {
			defer incoming.Close()
			socket, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: path, Net: "unix"})
			if err != nil {
				fmt.Fprintln(os.Stderr, "vsudd:", err)
				return
			}
			defer socket.Close()
			join(incoming, socket)
		}()
	}
}

// join copies both ways until both are at their end. When one direction ends, or
// breaks, the other may go on.
func join(a, b connection) {
	ended := make(chan struct{})
	go func() {
		pass(a, b)
		close(ended)
	}()
	pass(b, a)
	<-ended
}

func pass(to, from connection) {
	io.Copy(to, from)
	to.CloseWrite()
}
