// Command memlogd keeps the last lines of all logs in memory. Its protocol is
// that of package memlog.
package main

import (
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"syscall"

	"linuxkit/guest/internal/memlog"
)

// notInherited is the number of a socket that is not inherited but to be made.
const notInherited = -1

type options struct {
	logSocket, querySocket         string
	logDescriptor, queryDescriptor int
	maxLines, maxLineLength        int
	daemonize                      bool
}

func main() {
	var o options
	flag.StringVar(&o.logSocket, "socket-log", memlog.WriteSocket, "socket that takes logs")
	flag.StringVar(&o.querySocket, "socket-query", memlog.QuerySocket, "socket that gives lines out")
	flag.IntVar(&o.logDescriptor, "fd-log", notInherited, "inherited descriptor of the socket that takes logs")
	flag.IntVar(&o.queryDescriptor, "fd-query", notInherited, "inherited descriptor of the socket that gives lines out")
	flag.IntVar(&o.maxLines, "max-lines", 5000, "how many lines to keep")
	flag.IntVar(&o.maxLineLength, "max-line-len", 1024, "how much of a line to keep, in bytes")
	flag.BoolVar(&o.daemonize, "daemonize", false, "serve in the background; the sockets are there when the command returns")
	flag.Parse()
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "memlogd:", err)
		os.Exit(1)
	}
}

func run(o options) error {
	if o.maxLines < 1 || o.maxLineLength < 1 {
		return fmt.Errorf("-max-lines and -max-line-len must be positive")
	}
	logs, err := openLogSocket(o)
	if err != nil {
		return err
	}
	defer logs.Close()
	queries, err := openQuerySocket(o)
	if err != nil {
		return err
	}
	if o.daemonize {
		// The sockets live on in the other process.
		queries.SetUnlinkOnClose(false)
		defer queries.Close()
		return startInBackground(o, logs, queries)
	}
	defer queries.Close()
	return server{ring: newRing(o.maxLines), maxLineLength: o.maxLineLength, out: os.Stdout}.run(logs, queries)
}

func openLogSocket(o options) (*net.UnixConn, error) {
	if o.logDescriptor == notInherited {
		return net.ListenUnixgram("unixgram", &net.UnixAddr{Name: o.logSocket, Net: "unixgram"})
	}
	file := os.NewFile(uintptr(o.logDescriptor), "socket-log")
	defer file.Close()
	connection, err := net.FilePacketConn(file)
	if err != nil {
		return nil, err
	}
	socket, ok := connection.(*net.UnixConn)
	if !ok {
		connection.Close()
		return nil, fmt.Errorf("descriptor %d is no unix socket", o.logDescriptor)
	}
	return socket, nil
}

func openQuerySocket(o options) (*net.UnixListener, error) {
	if o.queryDescriptor == notInherited {
		return net.ListenUnix("unix", &net.UnixAddr{Name: o.querySocket, Net: "unix"})
	}
	file := os.NewFile(uintptr(o.queryDescriptor), "socket-query")
	defer file.Close()
	listener, err := net.FileListener(file)
	if err != nil {
		return nil, err
	}
	socket, ok := listener.(*net.UnixListener)
	if !ok {
		listener.Close()
		return nil, fmt.Errorf("descriptor %d is no unix socket", o.queryDescriptor)
	}
	return socket, nil
}

// startInBackground starts this program again with the sockets as descriptors 3
// and 4, without a terminal, and doesn't wait for it.
func startInBackground(o options, logs *net.UnixConn, queries *net.UnixListener) error {
	logFile, err := logs.File()
	if err != nil {
		return err
	}
	defer logFile.Close()
	queryFile, err := queries.File()
	if err != nil {
		return err
	}
	defer queryFile.Close()
	command := exec.Command("/proc/self/exe",
		"-fd-log", "3", "-fd-query", "4",
		"-max-lines", strconv.Itoa(o.maxLines), "-max-line-len", strconv.Itoa(o.maxLineLength))
	command.Args[0] = os.Args[0]
	command.ExtraFiles = []*os.File{logFile, queryFile}
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return command.Start()
}
