package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
)

// store is the directory that answers are kept in. A file that cannot be written
// is reported and missing.
type store struct {
	directory string
	log       logger
}

func (s store) path(name string) string { return filepath.Join(s.directory, name) }

func (s store) write(name, content string, mode os.FileMode) {
	if err := os.WriteFile(s.path(name), []byte(content), mode); err != nil {
		s.log.say("Cannot keep %s: %v", name, err)
	}
}

// writeKeys keeps public keys where sshd's container finds them.
func (s store) writeKeys(keys string) {
	if err := os.MkdirAll(s.path("ssh"), 0o755); err != nil {
		s.log.say("Cannot keep keys: %v", err)
		return
	}
	s.write("ssh/authorized_keys", keys, 0o600)
}

// entry is what user data in JSON says about a name: a file with content or a
// directory with entries.
type entry struct {
	Perm    string           `json:"perm"`
	Content *string          `json:"content"`
	Entries map[string]entry `json:"entries"`
}

// expand makes the files and directories that user data describes, if it is a
// JSON object of entries.
func (s store) expand(userdata []byte) {
	var entries map[string]entry
	decoder := json.NewDecoder(bytes.NewReader(userdata))
	err := decoder.Decode(&entries)
	if err == nil {
		if _, rest := decoder.Token(); rest != io.EOF {
			err = errors.New("something follows the object")
		}
	}
	if err != nil {
		s.log.say("The user data is not expanded, as it is no JSON object of entries: %v", err)
		return
	}
	s.makeAll("", entries)
}

func (s store) makeAll(directory string, entries map[string]entry) {
	var names []string
	for name := range entries {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		path := filepath.Join(directory, name)
		if err := s.make(path, name, entries[name]); err != nil {
			s.log.say("%s: %v", path, err)
		}
	}
}

func (s store) make(path, name string, one entry) error {
	if name == "" || name == "." || name == ".." || strings.Contains(name, "/") {
		return fmt.Errorf("entry %q is invalid: this is no file name", name)
	}
	if (one.Content == nil) == (one.Entries == nil) {
		return fmt.Errorf("entry %q is invalid: it has either content or entries", name)
	}
	if one.Content != nil {
		mode, err := parseMode(one.Perm, 0o644)
		if err != nil {
			return err
		}
		return os.WriteFile(s.path(path), []byte(*one.Content), mode)
	}
	mode, err := parseMode(one.Perm, 0o755)
	if err != nil {
		return err
	}
	if err := os.Mkdir(s.path(path), mode); err != nil && !os.IsExist(err) {
		return err
	}
	s.makeAll(path, one.Entries)
	return nil
}

func parseMode(text string, usual os.FileMode) (os.FileMode, error) {
	if text == "" {
		return usual, nil
	}
	mode, err := strconv.ParseUint(text, 8, 32)
	if err != nil || mode > 0o7777 {
		return 0, fmt.Errorf("%q is no octal permission", text)
	}
	return modeOf(uint32(mode)), nil
}

// modeOf translates permission bits, with those of S_ISUID and its kin, to Go's.
func modeOf(bits uint32) os.FileMode {
	mode := os.FileMode(bits & 0o777)
	for bit, flag := range map[uint32]os.FileMode{0o4000: os.ModeSetuid, 0o2000: os.ModeSetgid, 0o1000: os.ModeSticky} {
		if bits&bit != 0 {
			mode |= flag
		}
	}
	return mode
}
