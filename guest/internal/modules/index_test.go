package modules

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
)

// write makes a directory of files named by the map's keys.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	directory := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(directory, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return directory
}

func sample(t *testing.T) string {
	return write(t, map[string]string{
		"modules.dep": `kernel/drivers/net/virtio_net.ko.xz: kernel/net/core/failover-x.ko.xz kernel/drivers/virtio/virtio.ko.xz
kernel/net/core/failover-x.ko.xz: kernel/drivers/virtio/virtio.ko.xz
kernel/drivers/virtio/virtio.ko.xz:
/opt/extra/out-of-tree.ko: kernel/drivers/virtio/virtio.ko.xz
kernel/fs/ext4/ext4.ko.xz:
kernel/crypto/crc-a.ko.xz:
kernel/crypto/crc-b.ko.xz:
kernel/loop-a.ko.gz:
kernel/loop-b.ko.gz:
`,
		"modules.builtin": "kernel/fs/fuse/fuse.ko\nkernel/block/bsg-lib.ko\n",
		"modules.softdep": `# Soft dependencies
softdep ext4 pre: crypto-crc absent
softdep ext4 post: virtio_net pre: loop_a
softdep loop_a pre: loop_b
softdep loop_b pre: loop_a
softdep virtio old style
`,
		"modules.alias": `# Aliases
alias virtio:d00000001v* virtio_net
alias fs-ext4 ext4
alias crypto-crc crc_b
alias crypto-crc crc_a
alias pci:v*d*sv*sd*bc02* out_of_tree
alias pci:v00001AF4d00001000sv*sd*bc*sc*i* virtio_net
malformed
alias short
`,
	})
}

// recorder returns a loader that only notes what it would load; a module whose
// file name contains a key of failures fails so.
func recorder(t *testing.T, settings Settings, failures map[string]error) (*Loader, *[]string) {
	t.Helper()
	directory := sample(t)
	index, err := ReadIndex(directory)
	if err != nil {
		t.Fatal(err)
	}
	var loaded []string
	loader := NewLoader(index, settings)
	loader.insert = func(path, parameters string) error {
		for part, failure := range failures {
			if strings.Contains(path, part) {
				return failure
			}
		}
		path = strings.TrimPrefix(path, directory+"/kernel/")
		loaded = append(loaded, strings.TrimSpace(path+" "+parameters))
		return nil
	}
	return loader, &loaded
}

func TestLoadOrder(t *testing.T) {
	virtio := []string{"drivers/virtio/virtio.ko.xz", "net/core/failover-x.ko.xz", "drivers/net/virtio_net.ko.xz"}
	cases := []struct {
		name string
		want []string
	}{
		{"virtio_net", virtio},
		{"virtio-net", virtio},
		{"virtio:d00000001v00001AF4", virtio},
		{"failover_x", virtio[:2]},
		{"out-of-tree", []string{virtio[0], "/opt/extra/out-of-tree.ko"}},
		// Two drivers: the one that modules.alias has first, first.
		{"pci:v00001AF4d00001000sv1sd2bc02sc00i00", []string{virtio[0], "/opt/extra/out-of-tree.ko", virtio[1], virtio[2]}},
		{"fs-ext4", []string{"crypto/crc-b.ko.xz", "crypto/crc-a.ko.xz", "loop-b.ko.gz", "loop-a.ko.gz", "fs/ext4/ext4.ko.xz"}},
		{"fuse", nil},
		{"bsg_lib", nil},
	}
	for _, c := range cases {
		loader, loaded := recorder(t, Settings{}, nil)
		for range []int{1, 2} {
			if err := loader.Load(c.name); err != nil {
				t.Fatal(err)
			}
		}
		if !reflect.DeepEqual(*loaded, c.want) {
			t.Errorf("Load(%q): %q, want %q", c.name, *loaded, c.want)
		}
	}
}

func TestLoadErrors(t *testing.T) {
	loader, loaded := recorder(t, Settings{}, map[string]error{
		"crc-b": syscall.EINVAL, "loop": syscall.EEXIST, "failover": syscall.ENODEV,
	})
	if err := loader.Load("pci:unknown"); !errors.Is(err, syscall.ENOENT) {
		t.Errorf("unknown alias: %v", err)
	}
	if err := loader.Load("ext4"); err != nil {
		t.Errorf("a soft dependency and one that is there already stopped ext4: %v", err)
	}
	for range []int{1, 2} {
		if err := loader.Load("virtio_net"); !errors.Is(err, syscall.ENODEV) {
			t.Errorf("failed dependency: %v", err)
		}
	}
	want := []string{"crypto/crc-a.ko.xz", "fs/ext4/ext4.ko.xz", "drivers/virtio/virtio.ko.xz"}
	if !reflect.DeepEqual(*loaded, want) {
		t.Errorf("loaded %q, want %q", *loaded, want)
	}
}

func TestSettings(t *testing.T) {
	directory := write(t, map[string]string{
		"a.conf": "# comment\noptions virtio-net napi_tx=0 \\\n csum=1\nblacklist out-of-tree\nalias x y\n",
		"b.txt":  "blacklist virtio_net\n",
	})
	settings := ReadSettings(directory, []string{
		"virtio_net.gso=0", "failover-x.text=a b", "failover_x.flag", "modprobe.blacklist=x,crc-a", "quiet", ".a=b", "c.=d",
	})
	loader, loaded := recorder(t, settings, nil)
	for _, name := range []string{"pci:v00001AF4d00001000sv1sd2bc02sc00i00", "out_of_tree", "crypto-crc"} {
		if err := loader.Load(name); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{
		"drivers/virtio/virtio.ko.xz",
		`net/core/failover-x.ko.xz text="a b" flag`,
		"drivers/net/virtio_net.ko.xz napi_tx=0 csum=1 gso=0",
		"crypto/crc-b.ko.xz",
	}
	if !reflect.DeepEqual(*loaded, want) {
		t.Errorf("loaded %q, want %q", *loaded, want)
	}
}

func TestMissingIndexes(t *testing.T) {
	if _, err := ReadIndex(t.TempDir()); !os.IsNotExist(err) {
		t.Errorf("no modules.dep: %v", err)
	}
	index, err := ReadIndex(write(t, map[string]string{"modules.dep": "a.ko:\n"}))
	if err != nil {
		t.Fatal(err)
	}
	if got := index.resolve("a"); !reflect.DeepEqual(got, []string{"a"}) {
		t.Errorf("resolve: %q", got)
	}
}

func TestStaticNodes(t *testing.T) {
	directory := write(t, map[string]string{"modules.devname": `# Device nodes
fuse fuse c10:229
tun net/tun c10:200
floppy fd0 b2:0
bad x y10:1
bad c10:1
bad x c10
bad x c10:1x
`})
	want := []StaticNode{{"fuse", false, 10, 229}, {"net/tun", false, 10, 200}, {"fd0", true, 2, 0}}
	got, err := ReadStaticNodes(directory)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v, %v; want %v", got, err, want)
	}
}
