// Package logs decides where the output of containers goes: to files, or to the
// log daemon memlogd when that runs.
package logs

import (
	"io"
	"os"

	"linuxkit/guest/internal/memlog"
)

// Sink is a place for logs, each under a name.
type Sink interface {
	// Open returns the writing side of a log for a process to inherit.
	Open(name string) (*Log, error)
	// Path returns a path that containerd's shim can open as the writing side.
	// The caller calls release once the shim has done so. A log that cannot be
	// provided is replaced by /dev/null and reported by the error.
	Path(name string) (path string, release func(), err error)
	// Follow copies what arrives in the logs to out from now on, until stop is
	// called. stop returns when all that was written before is copied.
	Follow(out io.Writer, list ...*Log) (stop func(), err error)
}

// Log is the writing side of one log. The holder closes File.
type Log struct {
	Name string
	File *os.File
}

const fifoDirectory = "/var/run"

// New returns memlogd if it runs, else log files in a directory.
func New(directory string) Sink {
	if _, err := os.Stat(memlog.WriteSocket); err == nil {
		return daemon{write: memlog.WriteSocket, query: memlog.QuerySocket, fifos: fifoDirectory}
	}
	return files{directory: directory}
}

func nothing() {}
