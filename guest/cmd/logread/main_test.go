package main

import (
	"strings"
	"testing"

	"linuxkit/guest/internal/memlog"
)

func TestPrint(t *testing.T) {
	var out strings.Builder
	entries := `{"time":"2024-02-29T12:00:00.000000001Z","source":"a;b","msg":"c;d"}
{"time":"2024-02-29T13:00:00+01:00","source":"x","msg":"","later":1}
`
	if err := print(strings.NewReader(entries), &out); err != nil {
		t.Error(err)
	}
	want := "2024-02-29T12:00:00.000000001Z;a\\;b;c;d\n2024-02-29T13:00:00+01:00;x;\n"
	if out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
	if err := print(strings.NewReader(`{"time":"2024-02-29T`), &out); err == nil {
		t.Error("a cut entry is an error")
	}
}

func TestMode(t *testing.T) {
	for want, flags := range map[memlog.Mode][2]bool{
		memlog.Dump: {false, false}, memlog.Follow: {true, false}, memlog.DumpAndFollow: {false, true},
	} {
		if got := mode(flags[0], flags[1]); got != want {
			t.Errorf("%v: %v", flags, got)
		}
	}
}

func TestNoDaemon(t *testing.T) {
	if err := run(t.TempDir()+"/socket", memlog.Dump, &strings.Builder{}); err == nil || !strings.Contains(err.Error(), "/socket") {
		t.Errorf("%v", err)
	}
}
