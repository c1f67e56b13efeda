package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

type level int

const (
	errorLevel level = iota
	infoLevel
	debugLevel
)

// logger writes messages for the console: plain text for people, and key=value
// lines for errors and, when structured, for everything.
type logger struct {
	out        io.Writer
	level      level
	structured bool
}

func (l logger) info(format string, arguments ...any) {
	text := fmt.Sprintf(format, arguments...)
	switch {
	case l.level < infoLevel:
	case l.structured:
		l.line("info", "msg", text)
	default:
		fmt.Fprintln(l.out, text)
	}
}

func (l logger) debug(format string, arguments ...any) {
	if l.level >= debugLevel {
		l.line("debug", "msg", fmt.Sprintf(format, arguments...))
	}
}

// report is info for callers that have a complete line.
func (l logger) report(line string) {
	l.info("%s", line)
}

// problem reports an error. service is the service it belongs to, if any.
func (l logger) problem(message string, err error, service string) {
	pairs := []string{"msg", message}
	if err != nil {
		pairs = append(pairs, "error", err.Error())
	}
	if service != "" {
		pairs = append(pairs, "service", service)
	}
	l.line("error", pairs...)
}

func (l logger) line(name string, pairs ...string) {
	var text strings.Builder
	fmt.Fprintf(&text, "time=%q level=%s", time.Now().Format(time.RFC3339), name)
	for i := 0; i < len(pairs); i += 2 {
		value := pairs[i+1]
		if !isWord(value) {
			value = strconv.Quote(value)
		}
		fmt.Fprintf(&text, " %s=%s", pairs[i], value)
	}
	fmt.Fprintln(l.out, text.String())
}

// isWord says whether a value can stand without quotes.
func isWord(text string) bool {
	for _, letter := range text {
		plain := letter >= 'a' && letter <= 'z' || letter >= 'A' && letter <= 'Z' || letter >= '0' && letter <= '9' ||
			strings.ContainsRune("-._/@^+", letter)
		if !plain {
			return false
		}
	}
	return text != ""
}
