// Command logwrite writes what memlogd gets to files, one for each log, and keeps
// these from growing without bounds.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"linuxkit/guest/internal/memlog"
)

// ownLogs is how the names of this service's own logs begin: writing them down
// would produce more of them.
const ownLogs = "logwrite"

func main() {
	socket := flag.String("socket", memlog.QuerySocket, "memlogd's query socket")
	directory := flag.String("log-dir", "/var/log", "directory for the files")
	maxFiles := flag.Int("max-log-files", 10, "how many old files of each log to keep")
	maxSize := flag.Int64("max-log-size", 1<<20, "size in bytes beyond which a new file is begun")
	flag.Parse()
	entries, err := memlog.Query(*socket, memlog.DumpAndFollow)
	if err == nil {
		files := newLogFiles(*directory, *maxFiles, *maxSize)
		err = write(entries, files, os.Stderr)
	}
	fmt.Fprintln(os.Stderr, "logwrite:", err)
	os.Exit(1)
}

var errEnded = errors.New("memlogd is gone")

// write writes all entries down. It returns when there are no more, always with
// an error; one of a file is only a problem of that file.
func write(entries io.Reader, files *logFiles, problems io.Writer) error {
	decoder := json.NewDecoder(bufio.NewReader(entries))
	for {
		var entry memlog.Entry
		if err := decoder.Decode(&entry); err == io.EOF {
			return errEnded
		} else if err != nil {
			return err
		}
		if strings.HasPrefix(entry.Source, ownLogs) {
			continue
		}
		if err := files.write(entry); err != nil {
			fmt.Fprintln(problems, "logwrite:", err)
		}
	}
}
