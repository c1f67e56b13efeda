package disks

import (
	"io"
	"os"
	"path/filepath"
	"syscall"
)

// CreateFile makes a file of zeros, without holes and for root alone, that is to
// be a disk: later writes to it find room. A file that is there is replaced.
func CreateFile(path string, size int64) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	// Under another name first: a file that is there is taken for whole.
	unfinished := path + ".new"
	if err := writeFile(unfinished, size); err != nil {
		os.Remove(unfinished)
		return err
	}
	return os.Rename(unfinished, path)
}

func writeFile(path string, size int64) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	err = syscall.Fallocate(int(file.Fd()), 0, 0, size)
	if err == syscall.EOPNOTSUPP {
		_, err = io.CopyN(file, zeros{}, size)
	}
	if err != nil {
		return &os.PathError{Op: "allocate", Path: path, Err: err}
	}
	return file.Sync()
}

// Overwrite writes zeros all over a device.
func Overwrite(device string) error {
	file, err := os.OpenFile(device, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer file.Close()
	size, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	// In large pieces: the kernel reads a page that is written in part.
	if _, err := io.CopyBuffer(struct{ io.Writer }{file}, io.LimitReader(zeros{}, size), make([]byte, 1<<20)); err != nil {
		return err
	}
	return file.Sync()
}

// zeros is /dev/zero.
type zeros struct{}

func (zeros) Read(buffer []byte) (int, error) {
	for i := range buffer {
		buffer[i] = 0
	}
	return len(buffer), nil
}
