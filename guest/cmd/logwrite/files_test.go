package main

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"linuxkit/guest/internal/memlog"
)

var noon = time.Date(2024, 2, 29, 12, 0, 0, 123, time.UTC)

// contents returns the files of a directory and their text.
func contents(t *testing.T, directory string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(directory)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, entry := range entries {
		text, err := os.ReadFile(filepath.Join(directory, entry.Name()))
		if err != nil {
			t.Fatal(err)
		}
		files[entry.Name()] = string(text)
	}
	return files
}

func expect(t *testing.T, directory string, want map[string]string) {
	t.Helper()
	if got := contents(t, directory); !reflect.DeepEqual(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestWriteEntries(t *testing.T) {
	directory := t.TempDir()
	os.WriteFile(directory+"/a.log", []byte("earlier\n"), 0o644)
	entries := `{"time":"2024-02-29T12:00:00.5Z","source":"a","msg":"one"}
{"time":"2024-02-29T12:00:01Z","source":"logwrite.out","msg":"never"}
{"time":"2024-02-29T12:00:02Z","source":"../b","msg":"two three"}
{"time":"2024-02-29T12:00:03Z","source":"a","msg":""}
`
	err := write(strings.NewReader(entries), newLogFiles(directory, 10, 1000), os.Stderr)
	if err != errEnded {
		t.Errorf("%v", err)
	}
	expect(t, directory, map[string]string{
		"a.log":    "earlier\n2024-02-29T12:00:00Z a one\n2024-02-29T12:00:03Z a \n",
		".._b.log": "2024-02-29T12:00:02Z ../b two three\n",
	})
}

func TestRotation(t *testing.T) {
	directory := t.TempDir()
	line := "2024-02-29T12:00:00Z n x\n"
	// What is there counts: the first line is already too much.
	os.WriteFile(directory+"/n.log", []byte("old\n"), 0o644)
	files := newLogFiles(directory, 2, int64(len(line)))
	add := func() {
		t.Helper()
		if err := files.write(memlog.Entry{Time: noon, Source: "n", Message: "x"}); err != nil {
			t.Fatal(err)
		}
	}
	add()
	expect(t, directory, map[string]string{"n.log": "", "n.log.0": "old\n" + line})
	add()
	expect(t, directory, map[string]string{"n.log": line, "n.log.0": "old\n" + line})
	add()
	expect(t, directory, map[string]string{"n.log": "", "n.log.0": line + line, "n.log.1": "old\n" + line})
	add()
	add()
	expect(t, directory, map[string]string{"n.log": "", "n.log.0": line + line, "n.log.1": line + line})
}

func TestNoOldFiles(t *testing.T) {
	directory := t.TempDir()
	files := newLogFiles(directory, 0, 1)
	if err := files.write(memlog.Entry{Time: noon, Source: "n", Message: "x"}); err != nil {
		t.Fatal(err)
	}
	expect(t, directory, map[string]string{"n.log": ""})
}

func TestUnwritableFile(t *testing.T) {
	directory := filepath.Join(t.TempDir(), "later")
	files := newLogFiles(directory, 10, 1000)
	entry := `{"time":"2024-02-29T12:00:00Z","source":"a","msg":"one"}`
	var problems strings.Builder
	write(strings.NewReader(entry), files, &problems)
	if !strings.Contains(problems.String(), "a.log") {
		t.Errorf("%q", problems.String())
	}
	os.Mkdir(directory, 0o755)
	write(strings.NewReader(entry), files, &problems)
	expect(t, directory, map[string]string{"a.log": "2024-02-29T12:00:00Z a one\n"})
	// A file that breaks later is opened anew, too.
	files.open[directory+"/a.log"].file.Close()
	write(strings.NewReader(entry+entry), files, &problems)
	expect(t, directory, map[string]string{"a.log": "2024-02-29T12:00:00Z a one\n2024-02-29T12:00:00Z a one\n"})
}
