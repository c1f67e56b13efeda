package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"linuxkit/guest/internal/containerd"
)

const (
	socketPath        = "/run/containerd/containerd.sock"
	containerdProgram = "/usr/bin/containerd"
	daemonConfigPath  = "/etc/containerd/runtime-config.toml"

	pollInterval = 100 * time.Millisecond
)

// startDaemon starts containerd and returns a connection to it. There is no
// time limit, slow machines take long, but the process must stay alive. It
// outlives this program and is not supervised.
func startDaemon(program, configPath, socket string) (*containerd.Client, error) {
	if err := os.Remove(socket); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	config, err := loadDaemonConfig(configPath)
	if err != nil {
		return nil, err
	}
	stdout, err := openTarget(config.stdout)
	if err != nil {
		return nil, err
	}
	stderr, err := openTarget(config.stderr)
	if err != nil {
		return nil, err
	}
	command := exec.Command(program, config.options...)
	command.Stdout, command.Stderr = stdout, stderr
	// In a session of its own it gets no SIGHUP when the boot scripts, whose
	// session may have a terminal, have ended.
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := command.Start(); err != nil {
		return nil, err
	}
	ended := make(chan error, 1)
	go func() {
		command.Wait()
		ended <- fmt.Errorf("containerd process exited: %v%s", command.ProcessState, lastOutput(config.stderr))
	}()
	for {
		client, err := containerd.Dial(socket)
		if err == nil {
			return client, nil
		}
		if !errors.Is(err, syscall.ENOENT) && !errors.Is(err, syscall.ECONNREFUSED) {
			return nil, err
		}
		select {
		case err := <-ended:
			return nil, err
		case <-time.After(pollInterval):
		}
	}
}

func openTarget(name string) (*os.File, error) {
	switch name {
	case "stdout":
		return os.Stdout, nil
	case "stderr":
		return os.Stderr, nil
	}
	return os.OpenFile(name, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
}

// lastOutput returns the end of what containerd wrote to a file. What it wrote
// to the console has been seen already.
func lastOutput(name string) string {
	const amount = 2048
	if !filepath.IsAbs(name) {
		return ""
	}
	file, err := os.Open(name)
	if err != nil {
		return ""
	}
	defer file.Close()
	if info, err := file.Stat(); err == nil && info.Size() > amount {
		file.Seek(-amount, io.SeekEnd)
	}
	text, _ := io.ReadAll(io.LimitReader(file, amount))
	if len(text) == 0 {
		return ""
	}
	return ": " + strings.TrimSpace(string(text))
}
