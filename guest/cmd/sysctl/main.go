// Command sysctl writes the settings in a directory of sysctl.d(5) files to the
// kernel, then ends.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

func main() {
	settings := flag.String("configDir", "/etc/sysctl.d", "directory with the settings")
	kernel := flag.String("sysctlDir", "/proc/sys", "directory of the kernel's parameters")
	flag.Parse()
	if err := applyDirectory(*settings, *kernel, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// applyDirectory applies every file in settings, in the order of their names.
// A line that cannot be applied is only a warning: which parameters there are
// depends on the kernel. A file that cannot be read is an error.
func applyDirectory(settings, kernel string, warnings io.Writer) error {
	entries, err := os.ReadDir(settings)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		text, err := os.ReadFile(filepath.Join(settings, entry.Name()))
		if err != nil {
			return err
		}
		for _, line := range strings.Split(string(text), "\n") {
			if line == "" {
				continue
			}
			if err := applyLine(line, kernel); err != nil {
				fmt.Fprintf(warnings, "WARN: %v\n", err)
			}
		}
	}
	return nil
}

func applyLine(line, kernel string) error {
	line = strings.TrimSpace(line)
	if strings.HasPrefix(line, "#") || strings.HasPrefix(line, ";") {
		return nil
	}
	path, value, err := parseLine(line)
	if err != nil {
		return err
	}
	// No O_CREATE: a parameter that the kernel does not have is an error.
	file, err := os.OpenFile(filepath.Join(kernel, path), os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		return err
	}
	_, err = file.WriteString(value)
	if closed := file.Close(); err == nil {
		err = closed
	}
	return err
}

// parseLine takes `key = value` apart and turns the key, whose parts are
// separated by dots or slashes, into a relative path. Hence no part can be `..`.
func parseLine(line string) (path, value string, err error) {
	words := strings.Split(line, "=")
	if len(words) != 2 {
		return "", "", fmt.Errorf("cannot parse %q: need one key=value", line)
	}
	path = strings.ReplaceAll(strings.TrimSpace(words[0]), ".", "/")
	return path, strings.TrimSpace(words[1]), nil
}
