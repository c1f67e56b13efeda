package kernelcmdline

import (
	"reflect"
	"testing"
)

func TestParse(t *testing.T) {
	cases := []struct {
		text string
		want []string
	}{
		{"", nil},
		{" \n", nil},
		{"console=tty0  console=ttyS0,115200\n", []string{"console=tty0", "console=ttyS0,115200"}},
		{`a="b c" d`, []string{"a=b c", "d"}},
		{`"e.f=g h"`, []string{"e.f=g h"}},
		{`a="never closed `, []string{"a=never closed "}},
	}
	for _, c := range cases {
		if got := Parse(c.text); !reflect.DeepEqual(got, c.want) {
			t.Errorf("Parse(%q) = %q, want %q", c.text, got, c.want)
		}
	}
}

func TestSelect(t *testing.T) {
	words := Parse("console=tty0 consoles=x console console=ttyS0,9600 root=LABEL=a")
	if got := Select(words, "console"); !reflect.DeepEqual(got, []string{"tty0", "ttyS0,9600"}) {
		t.Errorf("console: %q", got)
	}
	if got := Select(words, "root"); !reflect.DeepEqual(got, []string{"LABEL=a"}) {
		t.Errorf("root: %q", got)
	}
	if got := Select(words, "absent"); got != nil {
		t.Errorf("absent: %q", got)
	}
}

func TestRunningKernel(t *testing.T) {
	for _, word := range Words() {
		if !Has(word) {
			t.Errorf("Has(%q) is false", word)
		}
	}
	if Has("no such word") {
		t.Error("a word with a blank was found")
	}
}
