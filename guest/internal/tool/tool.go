// Package tool runs other programs of an image to their end.
package tool

import (
	"bytes"
	"errors"
	"fmt"
	"os/exec"
	"strings"
)

// Run runs a program and returns what it wrote to standard output. When it
// fails, the error ends with what it said, and wraps an *exec.ExitError.
func Run(program string, arguments ...string) (string, error) {
	return Feed("", program, arguments...)
}

// Feed runs a program that reads input, like Run.
func Feed(input, program string, arguments ...string) (string, error) {
	command := exec.Command(program, arguments...)
	var output, messages bytes.Buffer
	command.Stdin = strings.NewReader(input)
	command.Stdout = &output
	command.Stderr = &messages
	err := command.Run()
	if err == nil {
		return output.String(), nil
	}
	said := strings.TrimSpace(messages.String())
	if said == "" {
		// Some programs complain on standard output.
		said = strings.TrimSpace(output.String())
	}
	if said == "" {
		return output.String(), fmt.Errorf("%s: %w", program, err)
	}
	return output.String(), fmt.Errorf("%s: %w: %s", program, err, said)
}

// Status is the exit status that an error of Run or Feed is about: -1 when the
// program could not be started or was killed, 0 without an error.
func Status(err error) int {
	if err == nil {
		return 0
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	return -1
}
