package main

import (
	"os"
	"path/filepath"

	"linuxkit/guest/internal/kernelcmdline"
	"linuxkit/guest/internal/logs"
	"linuxkit/guest/internal/runtimeconfig"
)

const runcProgram = "/usr/bin/runc"

// runOneShots runs the containers in directory for the boot ("onboot") or the
// shutdown ("shutdown"). It returns the exit status.
func runOneShots(kind, directory string, log logger) int {
	if !isDirectory(directory) {
		return 0
	}
	logDirectory := filepath.Join("/run/log", kind)
	if err := os.MkdirAll(logDirectory, 0o755); err != nil {
		log.problem("cannot keep logs", err, "")
	}
	temporary, err := os.MkdirTemp("", kind)
	if err != nil {
		log.problem("cannot run containers", err, "")
		return 1
	}
	defer os.RemoveAll(temporary)
	if err := becomeSubreaper(); err != nil {
		log.problem("cannot run containers", err, "")
		return 1
	}
	if runtimeconfig.UnifiedCgroups() {
		log.info("Using cgroup v2")
	} else {
		log.info("Using cgroup v1")
	}
	stages := logger{out: log.out}
	debug := kernelcmdline.Has("linuxkit.runc_debug=1")
	if debug {
		stages.level = debugLevel
	}
	status := sequence{
		kind:      kind,
		bundles:   directory,
		temporary: temporary,
		runc:      runc{program: runcProgram, debug: debug},
		logs:      logs.New(logDirectory),
		log:       log,
		stages:    stages,
		console:   output{os.Stdout, os.Stderr},
		direct:    kernelcmdline.Has("linuxkit.runc_console=1"),
	}.run()
	linkLogs(logDirectory, filepath.Join("/var/log", kind), log)
	return status
}

// linkLogs makes the logs visible under /var/log. It comes last because one of
// the containers may have mounted a disk there, perhaps with an earlier link.
func linkLogs(directory, link string, log logger) {
	if target, err := os.Readlink(link); err == nil && target == directory {
		return
	}
	err := os.MkdirAll(filepath.Dir(link), 0o755)
	if err == nil {
		err = os.Symlink(directory, link)
	}
	if err != nil {
		log.problem("cannot link logs", err, "")
	}
}
