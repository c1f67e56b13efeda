package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"syscall"
)

// condition says what must be there before a swap file is made.
type condition struct {
	// path is a mount point, or with a size anything on a file system.
	path string
	// size is what the file system must have, in bytes; 0: path must be mounted.
	size int64
	// required: it is an error when the condition does not hold.
	required bool
}

// parseCondition reads part:PATH[:required] or partsize:PATH:SIZE[:required],
// where required is true or false.
func parseCondition(text string) (condition, error) {
	words := strings.Split(text, ":")
	count := map[string]int{"part": 2, "partsize": 3}[words[0]]
	if count == 0 {
		return condition{}, fmt.Errorf("unknown condition %s", words[0])
	}
	if len(words) != count && len(words) != count+1 || words[1] == "" {
		return condition{}, fmt.Errorf("cannot parse condition %q", text)
	}
	parsed := condition{path: words[1], required: len(words) > count && words[count] == "true"}
	if words[0] == "partsize" {
		size, err := parseSize(words[2])
		if err != nil {
			return condition{}, err
		}
		parsed.size = size
	}
	return parsed, nil
}

// machine is what conditions are about.
type machine interface {
	isMounted(path string) (bool, error)
	capacity(path string) (int64, error)
}

// check returns why the condition does not hold, or nothing.
func (condition condition) check(machine machine) string {
	if condition.size == 0 {
		mounted, err := machine.isMounted(condition.path)
		switch {
		case err != nil:
			return err.Error()
		case !mounted:
			return fmt.Sprintf("nothing is mounted on %s", condition.path)
		}
		return ""
	}
	capacity, err := machine.capacity(condition.path)
	switch {
	case err != nil:
		return err.Error()
	case capacity < condition.size:
		return fmt.Sprintf("the file system of %s has %d bytes, not %d", condition.path, capacity, condition.size)
	}
	return ""
}

// system is the machine that this program runs in.
type system struct{}

func (system) isMounted(path string) (bool, error) {
	file, err := os.Open("/proc/mounts")
	if err != nil {
		return false, err
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		// proc_pid_mounts(5): device, mount point, ...; with spaces as \040.
		if fields := strings.Fields(lines.Text()); len(fields) > 1 && fields[1] == strings.ReplaceAll(path, " ", `\040`) {
			return true, nil
		}
	}
	return false, lines.Err()
}

func (system) capacity(path string) (int64, error) {
	var filesystem syscall.Statfs_t
	if err := syscall.Statfs(path, &filesystem); err != nil {
		return 0, &os.PathError{Op: "statfs", Path: path, Err: err}
	}
	return int64(filesystem.Blocks) * int64(filesystem.Bsize), nil
}
