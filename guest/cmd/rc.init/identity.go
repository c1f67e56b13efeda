package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// setHostname takes the name from /etc/hostname. Else, a machine that has none
// yet gets one made of its first interface's hardware address; without such an
// interface it stays without.
func setHostname() error {
	configured, err := os.ReadFile("/etc/hostname")
	if err != nil && !os.IsNotExist(err) {
		report(err)
	}
	name := strings.TrimSpace(string(configured))
	if name == "" {
		current, err := os.Hostname()
		if err == nil && current != "" && current != "(none)" {
			return nil
		}
		address, err := os.ReadFile("/sys/class/net/eth0/address")
		if err != nil {
			return nil
		}
		name = nameOfAddress(string(bytes.TrimSpace(address)))
	}
	return os.NewSyscallError("sethostname", syscall.Sethostname([]byte(name)))
}

func nameOfAddress(address string) string {
	return "linuxkit-" + strings.ReplaceAll(address, ":", "")
}

// createResolvConf makes the file behind the symbolic link at path: programs
// that bind-mount or write the file need it to exist. A file that is no link is
// the image's own affair.
func createResolvConf(path string) error {
	target, err := os.Readlink(path)
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if !filepath.IsAbs(target) {
		target = filepath.Join(filepath.Dir(path), target)
	}
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return err
	}
	return os.WriteFile(target, nil, 0o600)
}
