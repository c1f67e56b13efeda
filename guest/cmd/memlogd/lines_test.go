package main

import (
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
)

func TestEachLine(t *testing.T) {
	long := strings.Repeat("x", 10000)
	for text, want := range map[string][]string{
		"":                          nil,
		"\n\r\n\n":                  {"", "", ""},
		"one\ntwo\r\nthree":         {"one", "two", "three"},
		"a\rb\n12345678\r\nCR\r":    {"a\rb", "12345678", "CR\r"},
		"123456789\n12345678\n":     {"12345678", "12345678"},
		long + "\r\nnext\n" + long:  {"xxxxxxxx", "next", "xxxxxxxx"},
		"1234567\r\r\n12345678\r\r": {"1234567\r", "12345678"},
	} {
		for _, input := range []io.Reader{strings.NewReader(text), iotest.OneByteReader(strings.NewReader(text))} {
			var got []string
			if err := eachLine(input, 8, func(line string) { got = append(got, line) }); err != nil {
				t.Errorf("%q: %v", text, err)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%q: %q, want %q", text, got, want)
			}
		}
	}
}

func TestEachLineOfABrokenStream(t *testing.T) {
	broken := errors.New("broken")
	var got []string
	input := io.MultiReader(strings.NewReader("one\ntw"), iotest.ErrReader(broken))
	if err := eachLine(input, 8, func(line string) { got = append(got, line) }); err != broken {
		t.Errorf("%v", err)
	}
	if want := []string{"one", "tw"}; !reflect.DeepEqual(got, want) {
		t.Errorf("%q", got)
	}
}
