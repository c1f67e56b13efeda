package main

import (
	"fmt"
	"os"
	"path/filepath"

	"linuxkit/guest/internal/logs"
	"linuxkit/guest/internal/runtimeconfig"
)

// sequence runs the containers of one directory, strictly one after another.
type sequence struct {
	kind      string // "onboot" or "shutdown", as in messages and names of logs
	bundles   string // directory with one bundle per container
	temporary string // directory for pid files
	runc      runc
	logs      logs.Sink
	log       logger
	stages    logger
	console   output
	direct    bool // containers write to the console itself, not to logs
}

// run runs all containers and returns the exit status: 1 if one of them could
// not be run. How a container that did run has ended is only reported.
func (s sequence) run() int {
	entries, err := os.ReadDir(s.bundles)
	if err != nil {
		s.log.problem("cannot list containers", err, "")
		return 1
	}
	status := 0
	for _, entry := range entries {
		if !entry.IsDir() {
			continue
		}
		message, ran := s.runOne(entry.Name())
		if message != "" {
			s.log.report(message)
		}
		if !ran {
			status = 1
		}
	}
	return status
}

// runOne runs one container to its end. message tells what went wrong, if
// anything; it is for the console, after the container's own output.
func (s sequence) runOne(name string) (message string, ran bool) {
	bundle := filepath.Join(s.bundles, name)
	s.log.info("%s %s: from %s", s.kind, name, bundle)
	config, err := runtimeconfig.Load(bundle)
	if err == nil {
		defer config.ReleaseFilesystem(bundle)
		err = config.PrepareFilesystem(bundle, s.log.report)
	}
	if err != nil {
		return fmt.Sprintf("Error preparing %s: %v", name, err), false
	}

	to, finish := s.openLogs(name)
	defer finish()
	forContainer := to
	if s.direct {
		forContainer = s.console
	}
	s.stage(name, "creating")
	pidFile := filepath.Join(s.temporary, name)
	pid, err := s.runc.create(name, bundle, pidFile, forContainer)
	if err != nil {
		return fmt.Sprintf("Error creating %s: %v", name, err), false
	}
	defer os.Remove(pidFile)
	ended := false
	defer func() { s.remove(name, bundle, ended) }()

	s.stage(name, "preparing")
	if err := config.PrepareProcess(pid, s.log.report); err != nil {
		return fmt.Sprintf("Cannot prepare process: %s: %v", name, err), false
	}
	s.stage(name, "starting")
	if err := s.runc.start(name, to); err != nil {
		return fmt.Sprintf("Error starting %s: %v", name, err), false
	}
	s.stage(name, "waiting for completion")
	ending, err := wait(pid)
	if err != nil {
		return fmt.Sprintf("Error waiting for %s: %v", name, err), false
	}
	ended = true
	s.stage(name, "cleaning up")
	if ending == "" {
		return "", true
	}
	return fmt.Sprintf("%s %s: %s", s.kind, name, ending), true
}

// remove forgets a container, so that its name and its cgroup are free again.
// One that ended but left processes behind stays: removing it would kill them,
// and a background helper for later containers is a fair use.
func (s sequence) remove(name, bundle string, ended bool) {
	if !ended || !s.runc.hasProcesses(name, bundle) {
		if err := s.runc.remove(name); err != nil {
			s.log.info("Error deleting %s: %v", name, err)
		}
	}
	s.stage(name, "complete")
}

// openLogs opens the two logs of a container and shows on the console what
// arrives in them, until finish is called. Without logs there is the console.
func (s sequence) openLogs(name string) (to output, finish func()) {
	name = s.kind + "." + name
	stdout, err := s.logs.Open(name + ".out")
	if err != nil {
		s.log.problem("cannot open log", err, "")
		return s.console, func() {}
	}
	stderr, err := s.logs.Open(name)
	if err != nil {
		stdout.File.Close()
		s.log.problem("cannot open log", err, "")
		return s.console, func() {}
	}
	stop, err := s.logs.Follow(s.console.stdout, stdout, stderr)
	if err != nil {
		s.log.problem("cannot show log", err, "")
	}
	return output{stdout.File, stderr.File}, func() {
		stop()
		stdout.File.Close()
		stderr.File.Close()
	}
}

func (s sequence) stage(name, stage string) {
	s.stages.debug("%s %s: %s", s.kind, name, stage)
}
