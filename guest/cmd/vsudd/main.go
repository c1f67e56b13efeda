// Command vsudd lets the host of a virtual machine reach unix sockets of the guest
// through vsock, see vsock(7), and forwards the guest's log to the host.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"syscall"
)

type options struct {
	ports   portList
	syslog  string
	pidFile string
	detach  bool
}

func main() {
	var o options
	flag.Var(&o.ports, "inport", "`PORT:unix:PATH`: lead a vsock port to a unix socket (repeatable)")
	flag.StringVar(&o.syslog, "syslog", "", "`PORT:PATH`: send what arrives at a unix socket to a port of the host")
	flag.StringVar(&o.pidFile, "pidfile", "", "file for the number of the process")
	flag.BoolVar(&o.detach, "detach", false, "serve in the background; the ports are open when the command returns")
	flag.Parse()
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "vsudd:", err)
		os.Exit(1)
	}
}

// readyVariable names the descriptor that a process in the background closes when
// its ports are open.
const readyVariable = "VSUDD_READY"

func run(o options) error {
	if o.detach && os.Getenv(readyVariable) == "" {
		return startInBackground()
	}
	if len(o.ports) == 0 && o.syslog == "" {
		return errors.New("nothing to do: give -inport or -syslog")
	}
	failed := make(chan error)
	for _, port := range o.ports {
		listener, err := listen(port.number)
		if err != nil {
			return err
		}
		path := port.path
		go func() { failed <- serve(listener, path) }()
	}
	if o.syslog != "" {
		forwarder, err := openForwarder(o.syslog)
		if err != nil {
			return err
		}
		go func() { failed <- forwarder.run() }()
	}
	if o.pidFile != "" {
		if err := os.WriteFile(o.pidFile, []byte(strconv.Itoa(os.Getpid())), 0o644); err != nil {
			return err
		}
	}
	if err := reportReady(); err != nil {
		return err
	}
	return <-failed
}

// startInBackground starts this program again, without a terminal, and waits until
// it is ready or has failed.
func startInBackground() error {
	ready, childReady, err := os.Pipe()
	if err != nil {
		return err
	}
	defer ready.Close()
	command := exec.Command("/proc/self/exe", os.Args[1:]...)
	command.Stderr = os.Stderr
	command.Env = append(os.Environ(), readyVariable+"=3")
	command.ExtraFiles = []*os.File{childReady}
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	err = command.Start()
	childReady.Close()
	if err != nil {
		return err
	}
	if answer, _ := io.ReadAll(ready); len(answer) == 0 {
		return errors.New("it ended at once")
	}
	return nil
}

func reportReady() error {
	text := os.Getenv(readyVariable)
	if text == "" {
		return nil
	}
	descriptor, err := strconv.Atoi(text)
	if err != nil {
		return err
	}
	pipe := os.NewFile(uintptr(descriptor), "ready")
	defer pipe.Close()
	_, err = pipe.WriteString("ready")
	return err
}
