package logs

import (
	"io"
	"os"
	"path/filepath"
	"syscall"
)

// files keeps every log in a file of its own. Processes get the file itself,
// not a pipe with a copier behind it: output is on record whatever happens to
// the copier, and a process that outlives its container can neither block
// anybody nor be killed by SIGPIPE. The console follows the file instead.
type files struct {
	directory string
}

func (f files) path(name string) string {
	return filepath.Join(f.directory, name+".log")
}

func (f files) Open(name string) (*Log, error) {
	file, err := os.OpenFile(f.path(name), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	return &Log{Name: name, File: file}, nil
}

func (f files) Path(name string) (string, func(), error) {
	file, err := os.Create(f.path(name))
	if err != nil {
		return os.DevNull, nothing, err
	}
	return file.Name(), nothing, file.Close()
}

func (f files) Follow(out io.Writer, list ...*Log) (func(), error) {
	var readers []*os.File
	closeAll := func() {
		for _, reader := range readers {
			reader.Close()
		}
	}
	for _, log := range list {
		reader, err := os.Open(f.path(log.Name))
		if err == nil {
			readers = append(readers, reader)
			_, err = reader.Seek(0, io.SeekEnd)
		}
		if err != nil {
			closeAll()
			return nothing, err
		}
	}
	copyNew := func() {
		for _, reader := range readers {
			copyRest(out, reader)
		}
	}
	ended := make(chan struct{})
	// Without inotify (a kernel option) the output comes at the end.
	changes, err := watch(readers)
	if err != nil {
		close(ended)
	} else {
		go func() {
			defer close(ended)
			for events := make([]byte, 4096); ; {
				if _, err := changes.Read(events); err != nil {
					return
				}
				copyNew()
			}
		}()
	}
	return func() {
		if changes != nil {
			changes.Close()
		}
		<-ended
		copyNew()
		closeAll()
	}, nil
}

// watch returns an inotify(7) descriptor that becomes readable when one of the
// files was written to.
func watch(list []*os.File) (*os.File, error) {
	fd, err := syscall.InotifyInit1(syscall.IN_CLOEXEC | syscall.IN_NONBLOCK)
	if err != nil {
		return nil, os.NewSyscallError("inotify_init1", err)
	}
	for _, file := range list {
		if _, err := syscall.InotifyAddWatch(fd, file.Name(), syscall.IN_MODIFY); err != nil {
			syscall.Close(fd)
			return nil, os.NewSyscallError("inotify_add_watch", err)
		}
	}
	return os.NewFile(uintptr(fd), "inotify"), nil
}

// copyRest copies from the reader's position to the present end of the file.
// Nobody can be told about a console that takes no output, so errors end it.
func copyRest(out io.Writer, reader io.Reader) {
	buffer := make([]byte, 32<<10)
	for {
		length, err := reader.Read(buffer)
		if length > 0 {
			if _, err := out.Write(buffer[:length]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}
