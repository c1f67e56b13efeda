package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"linuxkit/guest/internal/modules"
)

func writeFile(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

func TestRunHooks(t *testing.T) {
	directory := t.TempDir()
	output := filepath.Join(t.TempDir(), "output")
	hook := func(name, text string, mode os.FileMode) {
		writeFile(t, filepath.Join(directory, name), "#!/bin/sh\n"+text+" >>"+output+"\n", mode)
	}
	hook("020-b", "echo b", 0o755)
	hook("003-a", "echo a $# $(wc -c)", 0o755)
	hook("010-fails", "exit 3; echo", 0o755)
	hook("011-killed", "kill -9 $$; echo", 0o755)
	hook("012-text", "echo text", 0o644)
	writeFile(t, filepath.Join(directory, "013-garbage"), "\x00", 0o755)
	elsewhere := filepath.Join(t.TempDir(), "program")
	writeFile(t, elsewhere, "#!/bin/sh\necho linked as $(basename $0) >>"+output+"\n", 0o755)
	if err := os.Symlink(elsewhere, filepath.Join(directory, "014-link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("absent", filepath.Join(directory, "015-broken")); err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(directory, "016-directory/program"), "", 0o755)
	runHooks(directory)
	got, err := os.ReadFile(output)
	if want := "a 0 0\nlinked as 014-link\nb\n"; err != nil || string(got) != want {
		t.Errorf("%q, %v; want %q", got, err, want)
	}
}

func TestCreateResolvConf(t *testing.T) {
	directory := t.TempDir()
	path := filepath.Join(directory, "etc/resolv.conf")
	if err := createResolvConf(path); err != nil {
		t.Errorf("no file: %v", err)
	}
	writeFile(t, path, "nameserver ::1\n", 0o644)
	if err := createResolvConf(path); err != nil {
		t.Errorf("a plain file: %v", err)
	}
	if got, err := os.ReadFile(path); string(got) != "nameserver ::1\n" {
		t.Errorf("a plain file was changed: %q, %v", got, err)
	}
	for _, target := range []string{"../run/a/resolv.conf", filepath.Join(directory, "run/b/resolv.conf")} {
		os.Remove(path)
		if err := os.Symlink(target, path); err != nil {
			t.Fatal(err)
		}
		if err := createResolvConf(path); err != nil {
			t.Error(err)
		}
		if information, err := os.Stat(path); err != nil || information.Size() != 0 {
			t.Errorf("%s: %v", target, err)
		}
	}
}

func TestNameOfAddress(t *testing.T) {
	if got := nameOfAddress("02:50:00:00:00:06"); got != "linuxkit-025000000006" {
		t.Error(got)
	}
}

func TestClockReading(t *testing.T) {
	leapDay := rtcTime{second: 58, minute: 59, hour: 23, day: 29, month: 1, year: 124}
	if got, want := leapDay.time(), time.Date(2024, 2, 29, 23, 59, 58, 0, time.UTC); !got.Equal(want) {
		t.Errorf("%v, want %v", got, want)
	}
	// The number of RTC_RD_TIME as the C compiler makes it.
	if readTime != 0x80247009 {
		t.Errorf("%#x", readTime)
	}
}

func TestStaticNode(t *testing.T) {
	for _, c := range []struct {
		static modules.StaticNode
		mode   uint32
	}{
		{modules.StaticNode{Name: "fuse", Major: 10, Minor: 229}, 0o020666},
		{modules.StaticNode{Name: "net/tun"}, 0o020666},
		{modules.StaticNode{Name: "loop-control"}, 0o020600},
		{modules.StaticNode{Name: "fd0", Block: true}, 0o060600},
	} {
		if got := staticNode(c.static); got.mode != c.mode || got.path != c.static.Name || got.minor != c.static.Minor {
			t.Errorf("%+v", got)
		}
	}
}
