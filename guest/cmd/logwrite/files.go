package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"linuxkit/guest/internal/memlog"
)

// logFiles are the files of a directory, NAME.log for each log. Old ones are
// called NAME.log.0, which is the youngest, NAME.log.1 and so on.
type logFiles struct {
	directory string
	maxFiles  int   // old ones to keep of each log
	maxSize   int64 // in bytes; a file may exceed it by one line
	open      map[string]*logFile
}

type logFile struct {
	file *os.File
	size int64
}

func newLogFiles(directory string, maxFiles int, maxSize int64) *logFiles {
	return &logFiles{directory, maxFiles, maxSize, map[string]*logFile{}}
}

// write appends an entry to its file. After an error the file is opened anew for
// the next entry: it may be on a disk that was full or away.
func (f *logFiles) write(entry memlog.Entry) error {
	// Whoever names a log chooses a file, but not a directory.
	path := filepath.Join(f.directory, strings.ReplaceAll(entry.Source, "/", "_")+".log")
	log, err := f.get(path)
	if err != nil {
		return err
	}
	count, err := fmt.Fprintf(log.file, "%s %s %s\n", entry.Time.Format(time.RFC3339), entry.Source, entry.Message)
	log.size += int64(count)
	if err == nil && log.size <= f.maxSize {
		return nil
	}
	delete(f.open, path)
	if closed := log.file.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return err
	}
	if err := f.rotate(path); err != nil {
		return err
	}
	_, err = f.get(path)
	return err
}

func (f *logFiles) get(path string) (*logFile, error) {
	if log, ok := f.open[path]; ok {
		return log, nil
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	size, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		file.Close()
		return nil, err
	}
	log := &logFile{file, size}
	f.open[path] = log
	return log, nil
}

// rotate makes a file old, and the oldest ones go.
func (f *logFiles) rotate(path string) error {
	if f.maxFiles < 1 {
		return os.Remove(path)
	}
	for number := f.maxFiles - 1; number > 0; number-- {
		err := os.Rename(old(path, number-1), old(path, number))
		if err != nil && !os.IsNotExist(err) {
			return err
		}
	}
	return os.Rename(path, old(path, 0))
}

func old(path string, number int) string {
	return fmt.Sprintf("%s.%d", path, number)
}
