package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// runc calls the OCI runtime's command line.
type runc struct {
	program string
	debug   bool
}

// output is where a process writes to.
type output struct {
	stdout, stderr *os.File
}

func (r runc) command(arguments ...string) *exec.Cmd {
	if r.debug {
		arguments = append([]string{"--debug"}, arguments...)
	}
	return exec.Command(r.program, arguments...)
}

// create sets a container up and returns the pid of its waiting first process.
// That process inherits to.
func (r runc) create(name, bundle, pidFile string, to output) (pid int, err error) {
	command := r.command("create", "--bundle", bundle, "--pid-file", pidFile, name)
	command.Stdout, command.Stderr = to.stdout, to.stderr
	if err := command.Run(); err != nil {
		return 0, err
	}
	text, err := os.ReadFile(pidFile)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(text)))
}

func (r runc) start(name string, to output) error {
	command := r.command("start", name)
	command.Stdout, command.Stderr = to.stdout, to.stderr
	return command.Run()
}

// remove deletes the container's state, and kills what is left of it.
func (r runc) remove(name string) error {
	if text, err := r.command("delete", "--force", name).CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, strings.TrimSpace(string(text)))
	}
	return nil
}

// hasProcesses says whether processes of a container outlived its first one.
// That takes a container in the machine's pid namespace; in its own, the kernel
// kills them together (pid_namespaces(7)).
func (r runc) hasProcesses(name, bundle string) bool {
	if ownPidNamespace(bundle) {
		return false
	}
	text, err := r.command("ps", "--format", "json", name).Output()
	var pids []int
	return err == nil && json.Unmarshal(text, &pids) == nil && len(pids) > 0
}

// ownPidNamespace reads the namespaces of config.json (OCI runtime
// specification, config-linux.md). One with a path is an existing one.
func ownPidNamespace(bundle string) bool {
	var config struct {
		Linux struct {
			Namespaces []struct{ Type, Path string }
		}
	}
	text, err := os.ReadFile(filepath.Join(bundle, "config.json"))
	if err != nil || json.Unmarshal(text, &config) != nil {
		return false
	}
	for _, namespace := range config.Linux.Namespaces {
		if namespace.Type == "pid" && namespace.Path == "" {
			return true
		}
	}
	return false
}

// wait reaps a container's first process and says how it ended, "" if well.
// It is a child only by becomeSubreaper: its real parent, runc, has gone.
func wait(pid int) (ending string, err error) {
	var status syscall.WaitStatus
	for {
		_, err := syscall.Wait4(pid, &status, 0, nil)
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return "", os.NewSyscallError("wait4", err)
		}
		break
	}
	switch {
	case status.Signaled():
		return fmt.Sprintf("killed by signal %d (%v)", int(status.Signal()), status.Signal()), nil
	case status.ExitStatus() != 0:
		return fmt.Sprintf("exited with status %d", status.ExitStatus()), nil
	}
	return "", nil
}

// becomeSubreaper makes orphaned descendants children of this process, see
// PR_SET_CHILD_SUBREAPER in prctl(2).
func becomeSubreaper() error {
	const setChildSubreaper = 36
	_, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, setChildSubreaper, 1, 0)
	if errno != 0 {
		return os.NewSyscallError("prctl", errno)
	}
	return nil
}
