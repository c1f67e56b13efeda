package main

import (
	"os"
	"strings"
	"testing"
)

func TestExpand(t *testing.T) {
	files, log := newStore(t)
	os.MkdirAll(files.directory, 0o755)
	os.Mkdir(files.path("there"), 0o755)
	files.expand([]byte(`{
		"empty": {"content": ""},
		"secret": {"perm": "0600", "content": "s\n"},
		"there": {"entries": {"sub": {"perm": "700", "entries": {"deep": {"content": "d", "perm": "0755"}}}}},
		"void": {"entries": {}},
		"both": {"content": "", "entries": {}},
		"neither": {"perm": "0644"},
		"null": {"content": null},
		"bad": {"content": "x", "perm": "0999"},
		"worse": {"content": "x", "perm": "77777"},
		"../up": {"content": "x"},
		"..": {"entries": {}},
		"": {"content": "x"},
		"secret/x": {"content": "x"},
		"later": {"content": "kept", "unknown": [1]}
	}`))
	expectTree(t, files.directory, map[string]string{
		"empty": "-rw-r--r-- ", "secret": "-rw------- s\n", "there": "drwxr-xr-x", "there/sub": "drwx------",
		"there/sub/deep": "-rwxr-xr-x d", "void": "drwxr-xr-x", "later": "-rw-r--r-- kept",
	})
	if lines := strings.Count(log.String(), "\n"); lines != 9 {
		t.Errorf("%d complaints: %s", lines, log)
	}
}

func TestExpandOther(t *testing.T) {
	for _, userdata := range []string{
		"#cloud-config\n", "[]", `"text"`, `{"a": "text"}`, `{"a": {"content": 1}}`, `{"a": {"content": "x"}} more`, "", "{",
	} {
		files, log := newStore(t)
		os.MkdirAll(files.directory, 0o755)
		files.expand([]byte(userdata))
		expectTree(t, files.directory, map[string]string{})
		if strings.Count(log.String(), "\n") != 1 {
			t.Errorf("%q: %q", userdata, log)
		}
	}
}

func TestUnwritable(t *testing.T) {
	files, log := newStore(t)
	files.write("x", "y", 0o644)
	files.expand([]byte(`{"a": {"content": "x"}, "b": {"entries": {}}}`))
	os.WriteFile(files.directory, nil, 0o644)
	files.writeKeys("key")
	if lines := strings.Count(log.String(), "\n"); lines != 4 {
		t.Errorf("%d complaints: %s", lines, log)
	}
}
