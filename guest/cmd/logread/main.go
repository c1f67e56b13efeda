// Command logread prints what memlogd keeps.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"

	"linuxkit/guest/internal/memlog"
)

func main() {
	socket := flag.String("socket", memlog.QuerySocket, "memlogd's query socket")
	follow := flag.Bool("f", false, "print only what arrives from now on")
	dumpAndFollow := flag.Bool("F", false, "print what there is and what arrives")
	flag.Parse()
	if err := run(*socket, mode(*follow, *dumpAndFollow), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "logread:", err)
		os.Exit(1)
	}
}

func mode(follow, dumpAndFollow bool) memlog.Mode {
	switch {
	case dumpAndFollow:
		return memlog.DumpAndFollow
	case follow:
		return memlog.Follow
	}
	return memlog.Dump
}

func run(socket string, mode memlog.Mode, out io.Writer) error {
	connection, err := memlog.Query(socket, mode)
	if err != nil {
		return err
	}
	defer connection.Close()
	return print(connection, out)
}

// print prints entries until there are no more.
func print(entries io.Reader, out io.Writer) error {
	decoder := json.NewDecoder(bufio.NewReader(entries))
	for {
		var entry memlog.Entry
		if err := decoder.Decode(&entry); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		if _, err := fmt.Fprintln(out, entry); err != nil {
			return err
		}
	}
}
