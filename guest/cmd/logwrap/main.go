// Command logwrap, installed as logwrite in the root, runs a command whose output
// memlogd gets, too.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"

	"linuxkit/guest/internal/memlog"
)

func main() {
	socket := flag.String("socket", memlog.WriteSocket, "memlogd's socket for logs")
	name := flag.String("n", "", "name of the logs (default: the command)")
	flag.Usage = func() {
		fmt.Fprintf(os.Stderr, "Usage: %s [-socket SOCKET] [-n NAME] COMMAND [ARGUMENT...]\n", os.Args[0])
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() == 0 {
		flag.Usage()
		os.Exit(2)
	}
	if *name == "" {
		*name = flag.Arg(0)
	}
	status, err := run(*socket, *name, flag.Args(), os.Stdout, os.Stderr)
	if err != nil {
		fmt.Fprintln(os.Stderr, "logwrite:", err)
	}
	os.Exit(status)
}

// Exit statuses of a shell for what is not the command's own.
const (
	exitFailed = 1
	exitSignal = 128
)

// run runs a command: what it writes to stdout becomes the log NAME.out, what it
// writes to stderr the log NAME. It returns the exit status.
func run(socket, name string, command []string, stdout, stderr io.Writer) (int, error) {
	outLog, err := memlog.Open(socket, name+".out")
	if err != nil {
		return exitFailed, err
	}
	defer outLog.Close()
	errorLog, err := memlog.Open(socket, name)
	if err != nil {
		return exitFailed, err
	}
	defer errorLog.Close()
	child := exec.Command(command[0], command[1:]...)
	child.Stdin = os.Stdin
	child.Stdout = io.MultiWriter(outLog, stdout)
	child.Stderr = io.MultiWriter(errorLog, stderr)
	err = child.Run()
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		if err != nil {
			return exitFailed, err
		}
		return 0, nil
	}
	if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return exitSignal + int(status.Signal()), nil
	}
	return exit.ExitCode(), nil
}
