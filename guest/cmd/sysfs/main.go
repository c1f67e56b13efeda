// Command sysfs writes the settings in a directory of files to the kernel's
// objects in sysfs(5), then ends.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

func main() {
	settings := flag.String("configDir", "/etc/sysfs.d", "directory with the settings")
	kernel := flag.String("sysfsDir", "/sys", "directory of the kernel's objects")
	flag.Parse()
	if err := applyDirectory(*settings, *kernel); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// applyDirectory applies every file in settings, in the order of their names,
// up to the first that cannot be applied.
func applyDirectory(settings, kernel string) error {
	entries, err := os.ReadDir(settings)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		path := filepath.Join(settings, entry.Name())
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for i, line := range strings.Split(string(text), "\n") {
			if err := applyLine(line, kernel); err != nil {
				return fmt.Errorf("%s:%d: %w", path, i+1, err)
			}
		}
	}
	return nil
}

func applyLine(line, kernel string) error {
	line = strings.TrimSpace(line)
	if line == "" || strings.HasPrefix(line, "#") {
		return nil
	}
	path, value, found := strings.Cut(line, "=")
	if !found {
		return fmt.Errorf("cannot parse %q: need path=value", line)
	}
	// No O_CREATE: an attribute that the kernel does not have is an error.
	// Rooted first, so that no .. leads out of the directory.
	path = filepath.Join(kernel, filepath.Join("/", strings.TrimSpace(path)))
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		return err
	}
	_, err = file.WriteString(strings.TrimSpace(value))
	if closed := file.Close(); err == nil {
		err = closed
	}
	return err
}
