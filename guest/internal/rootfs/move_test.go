package rootfs

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func stat(t *testing.T, path string) syscall.Stat_t {
	t.Helper()
	var result syscall.Stat_t
	if err := syscall.Lstat(path, &result); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return result
}

func needRoot(t *testing.T) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("owners and device nodes need root")
	}
}

func TestMove(t *testing.T) {
	needRoot(t)
	from, to := t.TempDir(), filepath.Join(t.TempDir(), "new")
	inside := func(name string) string { return filepath.Join(from, name) }
	content := make([]byte, 3<<20+17)
	copy(content[1<<20:], "in the middle")

	must(t, os.MkdirAll(inside("dir/closed"), 0o755))
	must(t, os.WriteFile(inside("dir/closed/big"), content, 0o640))
	must(t, os.WriteFile(inside("empty"), nil, 0o644))
	must(t, os.WriteFile(inside("su"), []byte("#!"), 0o755))
	must(t, os.Link(inside("su"), inside("dir/su-link")))
	must(t, os.Symlink("../nowhere", inside("dir/symlink")))
	must(t, syscall.Mkfifo(inside("fifo"), 0o622))
	must(t, syscall.Mknod(inside("char"), syscall.S_IFCHR|0o666, 1<<8|3))
	must(t, syscall.Mknod(inside("block"), syscall.S_IFBLK|0o600, 7<<8|1))
	must(t, os.Lchown(inside("dir/symlink"), 7, 8))
	must(t, os.Chown(inside("su"), 1000, 1001))
	must(t, syscall.Chmod(inside("su"), 0o6755))
	must(t, syscall.Chmod(inside("dir"), 0o1777))
	must(t, os.Chmod(inside("dir/closed"), 0o500))

	names := []string{"dir/closed/big", "dir/closed", "dir/symlink", "dir", "empty", "su", "fifo", "char", "block", "."}
	before := map[string]syscall.Stat_t{}
	for i, name := range names {
		when := time.Date(2001, 2, 3, 4, 5, i, 6000, time.UTC).UnixNano()
		must(t, setTimes(inside(name), syscall.NsecToTimespec(when), syscall.NsecToTimespec(when+1e9)))
		before[name] = stat(t, inside(name))
	}
	must(t, Move(from, to))

	for _, name := range names {
		want, got := before[name], stat(t, filepath.Join(to, name))
		if got.Mode != want.Mode || got.Uid != want.Uid || got.Gid != want.Gid || got.Rdev != want.Rdev || got.Mtim != want.Mtim {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
	}
	if got, err := os.ReadFile(filepath.Join(to, "dir/closed/big")); err != nil || string(got) != string(content) {
		t.Errorf("content differs: %d bytes, %v", len(got), err)
	}
	if got, err := os.Readlink(filepath.Join(to, "dir/symlink")); got != "../nowhere" {
		t.Errorf("symlink: %q, %v", got, err)
	}
	if one, two := stat(t, filepath.Join(to, "su")), stat(t, filepath.Join(to, "dir/su-link")); one.Ino != two.Ino {
		t.Error("the hard link became a file of its own")
	}
	if rest, err := os.ReadDir(from); err != nil || len(rest) != 0 {
		t.Errorf("left behind: %v, %v", rest, err)
	}
}

func TestMoveStaysOnDevice(t *testing.T) {
	needRoot(t)
	from := t.TempDir()
	to := filepath.Join(from, "mnt")
	must(t, os.Mkdir(to, 0o755))
	if err := syscall.Mount("test", to, "tmpfs", 0, "mode=755"); err != nil {
		t.Skipf("no tmpfs can be mounted here: %v", err)
	}
	t.Cleanup(func() { syscall.Unmount(to, syscall.MNT_DETACH) })
	must(t, os.WriteFile(filepath.Join(from, "file"), []byte("x"), 0o644))
	must(t, Move(from, to))

	stat(t, filepath.Join(to, "file"))
	entries, err := os.ReadDir(filepath.Join(to, "mnt"))
	if err != nil || len(entries) != 0 {
		t.Errorf("the new root was moved into itself: %v, %v", entries, err)
	}
}

func TestMoveRefusesSockets(t *testing.T) {
	from := t.TempDir()
	path := filepath.Join(from, "socket")
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	must(t, err)
	defer syscall.Close(fd)
	must(t, syscall.Bind(fd, &syscall.SockaddrUnix{Name: path}))
	if err := Move(from, t.TempDir()); err == nil {
		t.Error("a socket was moved")
	}
	stat(t, path)
}
