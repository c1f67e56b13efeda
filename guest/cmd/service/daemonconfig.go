package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// daemonConfig says how to start containerd.
type daemonConfig struct {
	options        []string
	stdout, stderr string // "stdout", "stderr" or an absolute path
}

// loadDaemonConfig reads runtime-config.toml. Without the file, or without
// leave to read it, containerd gets no options and writes to the console.
func loadDaemonConfig(path string) (daemonConfig, error) {
	config := daemonConfig{stdout: "stdout", stderr: "stderr"}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return config, nil
	}
	if err != nil {
		return config, err
	}
	settings, err := parseSettings(string(text))
	if err != nil {
		return config, fmt.Errorf("%s: %w", path, err)
	}
	config.options = strings.Fields(settings["cliopts"])
	for key, target := range map[string]*string{"stdout": &config.stdout, "stderr": &config.stderr} {
		value, ok := settings[key]
		if !ok {
			continue
		}
		if value != "stdout" && value != "stderr" && !filepath.IsAbs(value) {
			return config, fmt.Errorf("%s: %s must be stdout, stderr or an absolute path, not %q", path, key, value)
		}
		*target = value
	}
	return config, nil
}

// parseSettings reads the three settings from a TOML document (toml.io/en/v1.0.0)
// with one entry per line. Other keys and tables have no meaning here.
func parseSettings(text string) (map[string]string, error) {
	settings := map[string]string{}
	for number, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		if line[0] == '[' {
			break
		}
		key, value, ok := strings.Cut(line, "=")
		if !ok {
			return nil, fmt.Errorf("line %d is not key = value", number+1)
		}
		key = strings.Trim(strings.TrimSpace(key), `"'`)
		if key != "cliopts" && key != "stdout" && key != "stderr" {
			continue
		}
		content, err := parseString(strings.TrimSpace(value))
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", number+1, err)
		}
		settings[key] = content
	}
	return settings, nil
}

// parseString reads a TOML string, basic or literal (in single quotes), that
// fills the line up to a comment. The escapes of a basic string are also Go's.
func parseString(value string) (string, error) {
	prefix, err := strconv.QuotedPrefix(value)
	if strings.HasPrefix(value, "'") {
		content, _, closed := strings.Cut(value[1:], "'")
		prefix, err = "'"+content+"'", nil
		if !closed {
			err = strconv.ErrSyntax
		}
	}
	if err != nil || prefix[0] == '`' {
		return "", errors.New("the value is not a string")
	}
	if rest := strings.TrimSpace(value[len(prefix):]); rest != "" && rest[0] != '#' {
		return "", fmt.Errorf("unexpected %q after the string", rest)
	}
	if prefix[0] == '\'' {
		return prefix[1 : len(prefix)-1], nil
	}
	return strconv.Unquote(prefix)
}
