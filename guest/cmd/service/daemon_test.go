package main

import (
	"os"
	"reflect"
	"strings"
	"testing"
)

func TestDaemonConfig(t *testing.T) {
	path := t.TempDir() + "/runtime-config.toml"
	usual := daemonConfig{stdout: "stdout", stderr: "stderr"}
	if config, err := loadDaemonConfig(path); err != nil || !reflect.DeepEqual(config, usual) {
		t.Errorf("without a file: %+v %v", config, err)
	}
	for text, want := range map[string]daemonConfig{
		"cliopts = \"--log-level  debug\\t-x\" # comment\n": {[]string{"--log-level", "debug", "-x"}, "stdout", "stderr"},
		"# a comment\n\nstderr='/var/log/containerd.log'\r\nstdout = \"stderr\"\nother = 3\n[table]\nstdout = 5\nx": {
			nil, "stderr", "/var/log/containerd.log"},
	} {
		write(t, path, text)
		config, err := loadDaemonConfig(path)
		if len(config.options) == 0 {
			config.options = nil
		}
		if err != nil || !reflect.DeepEqual(config, want) {
			t.Errorf("%q: %+v %v", text, config, err)
		}
	}
	for _, text := range []string{
		"cliopts", "cliopts =", "cliopts = \"x", "cliopts = 'x", "cliopts = \"x\" y", "cliopts = \"\\q\"",
		"stdout = \"relative\"", "stderr = \"\"", "stdout = 3", "cliopts = true", "cliopts = `x`",
	} {
		write(t, path, text)
		if config, err := loadDaemonConfig(path); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%q: %+v %v", text, config, err)
		}
	}
}

func TestDaemonEndsAtStart(t *testing.T) {
	directory := t.TempDir()
	program, config, socket := directory+"/containerd", directory+"/config", directory+"/socket"
	write(t, program, "#!/bin/sh\necho \"bad configuration $1\" >&2\nexit 3\n")
	write(t, config, "cliopts = \"one\"\nstderr = \""+directory+"/log\"\n")
	write(t, socket, "stale")
	_, err := startDaemon(program, config, socket)
	if err == nil || err.Error() != "containerd process exited: exit status 3: bad configuration one" {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(socket); err == nil {
		t.Error("the stale socket is still there")
	}
	if _, err := startDaemon(directory+"/missing", config, socket); err == nil || !strings.Contains(err.Error(), "missing") {
		t.Errorf("%v", err)
	}
}
