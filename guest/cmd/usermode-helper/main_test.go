package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The program's only interface is its process, so the test builds it.
func TestGate(t *testing.T) {
	program := filepath.Join(t.TempDir(), "helper")
	if output, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	for _, c := range []struct {
		words []string
		code  int
	}{
		{[]string{"/bin/true"}, exitRefused},
		{[]string{"/sbin/mdevx"}, exitRefused},
		{[]string{"sbin/modprobe", "-q"}, exitRefused},
		{[]string{"/sbin/mdev", "-s"}, exitFailed},
	} {
		if c.code == exitFailed {
			if _, err := os.Lstat(c.words[0]); err == nil {
				t.Logf("%s is installed here: not run", c.words[0])
				continue
			}
		}
		var stderr strings.Builder
		command := exec.Cmd{Path: program, Args: c.words, Stderr: &stderr}
		var exit *exec.ExitError
		if err := command.Run(); !errors.As(err, &exit) || exit.ExitCode() != c.code {
			t.Errorf("%q: %v, want exit code %d", c.words, err, c.code)
		}
		if first := "usermodehelper: " + strings.Join(c.words, " ") + "\n"; !strings.HasPrefix(stderr.String(), first) {
			t.Errorf("%q said %q", c.words, stderr.String())
		}
	}
}
