package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"linuxkit/guest/internal/containerd"
	"linuxkit/guest/internal/logs"
	"linuxkit/guest/internal/runtimeconfig"
)

// services runs bundles as containers of containerd.
type services struct {
	client    *containerd.Client
	namespace string // of containerd, for bundles that name none
	bundles   string // directory with one bundle per service
	logs      logs.Sink
	log       logger
}

// stepError is an error together with the step that it ended.
type stepError struct {
	step string
	err  error
}

func (e stepError) Error() string { return e.step + ": " + e.err.Error() }
func (e stepError) Unwrap() error { return e.err }

// startAll starts every service. One that fails does not stop the others.
func (s services) startAll() {
	entries, err := os.ReadDir(s.bundles)
	if err != nil {
		return
	}
	for _, entry := range entries {
		if !entry.IsDir() {
			continue
		}
		if err := s.start(entry.Name(), ""); err != nil {
			s.complain("cannot start service", err, entry.Name())
		}
	}
}

// complain logs an error under the step it belongs to, if it tells.
func (s services) complain(message string, err error, name string) {
	if step, ok := err.(stepError); ok {
		message, err = step.step, step.err
	}
	s.log.problem(message, err, name)
}

// start starts a service. With dump, a path, the final OCI specification is
// written there. After an error, what was created stays for inspection.
func (s services) start(name, dump string) error {
	bundle := filepath.Join(s.bundles, name)
	config, err := runtimeconfig.Load(bundle)
	if err != nil {
		return err
	}
	spec, err := loadSpec(bundle)
	if err != nil {
		return err
	}
	if dump != "" {
		if err := dumpSpec(spec, dump); err != nil {
			return err
		}
	}
	if err := config.PrepareFilesystem(bundle, s.log.report); err != nil {
		return stepError{"preparing filesystem", err}
	}
	namespace := s.effectiveNamespace(config)
	if err := s.client.CreateContainer(namespace, name, spec); err != nil {
		return stepError{"failed to create container", err}
	}
	pid, err := s.createTask(namespace, name)
	if err != nil {
		return stepError{"failed to create task", err}
	}
	if err := config.PrepareProcess(pid, s.log.report); err != nil {
		return stepError{"preparing process", err}
	}
	if err := s.client.StartTask(namespace, name); err != nil {
		return stepError{"failed to start task", err}
	}
	return nil
}

func (s services) createTask(namespace, name string) (pid int, err error) {
	stdout, releaseStdout, err := s.logs.Path(name + ".out")
	if err != nil {
		s.log.problem("cannot open log", err, name)
	}
	defer releaseStdout()
	stderr, releaseStderr, err := s.logs.Path(name)
	if err != nil {
		s.log.problem("cannot open log", err, name)
	}
	defer releaseStderr()
	return s.client.CreateTask(namespace, name, stdout, stderr)
}

// stop kills a service and removes its container and its root file system.
func (s services) stop(name string) error {
	bundle := filepath.Join(s.bundles, name)
	config, err := runtimeconfig.Load(bundle)
	if err != nil {
		return err
	}
	if err := s.remove(s.effectiveNamespace(config), name); err != nil {
		return err
	}
	config.ReleaseFilesystem(bundle)
	return nil
}

func (s services) effectiveNamespace(config runtimeconfig.Config) string {
	if config.Namespace != "" {
		return config.Namespace
	}
	return s.namespace
}

// remove removes a container, whatever its task does, or if it has none.
func (s services) remove(namespace, id string) error {
	err := s.client.KillTask(namespace, id, int(syscall.SIGKILL))
	if err != nil && !containerd.IsNotFound(err) {
		return stepError{"failed to kill task", err}
	}
	if _, err := s.client.WaitTask(namespace, id); err != nil && !containerd.IsNotFound(err) {
		return stepError{"failed to wait for task", err}
	}
	if err := s.client.DeleteTask(namespace, id); err != nil && !containerd.IsNotFound(err) {
		return stepError{"failed to delete task", err}
	}
	if err := s.client.DeleteContainer(namespace, id); err != nil {
		return stepError{"failed to delete container", err}
	}
	return nil
}

// sweep removes containers of an earlier boot: containerd's records survive
// when they are kept on a disk.
func (s services) sweep() error {
	ids, err := s.client.ListContainers(s.namespace)
	if err != nil {
		return err
	}
	for _, id := range ids {
		s.log.info("Cleaning up stale service: %q", id)
		if err := s.remove(s.namespace, id); err != nil {
			s.complain("cannot clean up service", err, id)
		}
	}
	return nil
}

// loadSpec returns a bundle's config.json with an absolute root path, since
// containerd has no bundle directory to start a relative one from.
func loadSpec(bundle string) ([]byte, error) {
	path := filepath.Join(bundle, "config.json")
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var spec, root map[string]json.RawMessage
	if err := json.Unmarshal(text, &spec); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if err := json.Unmarshal(spec["root"], &root); err != nil || root == nil {
		return nil, fmt.Errorf("%s has no usable root", path)
	}
	if root["path"], err = json.Marshal(filepath.Join(bundle, "rootfs")); err != nil {
		return nil, err
	}
	if spec["root"], err = json.Marshal(root); err != nil {
		return nil, err
	}
	return json.Marshal(spec)
}

func dumpSpec(spec []byte, path string) error {
	text, err := json.MarshalIndent(json.RawMessage(spec), "", "    ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o644)
}
