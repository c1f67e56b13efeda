package main

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"testing"
	"unsafe"
)

func TestPoolInfo(t *testing.T) {
	info := fill([]byte{1, 2, 3, 4, 5, 6, 7, 8})
	if unsafe.Sizeof(info) != 16 || unsafe.Offsetof(info.size) != 4 || unsafe.Offsetof(info.data) != 8 {
		t.Error("not laid out as struct rand_pool_info")
	}
	if info.bits != 64 || info.size != 8 || info.data != [8]byte{1, 2, 3, 4, 5, 6, 7, 8} {
		t.Errorf("%+v", info)
	}
	// The number as the C compiler makes it.
	if addEntropy != 0x40085203 {
		t.Errorf("%#x", addEntropy)
	}
}

func TestInstructions(t *testing.T) {
	for name, source := range map[string]struct {
		present bool
		instruction
	}{"rdrand": {hasRdrand(), rdrand}, "rdseed": {hasRdseed(), rdseed}} {
		if !source.present {
			t.Logf("no %s here", name)
			continue
		}
		seen := map[string]bool{}
		for i := 0; i < 50; i++ {
			sample := make([]byte, sampleSize)
			if _, err := io.ReadFull(source, sample); err != nil {
				t.Fatal(err)
			}
			seen[hex.EncodeToString(sample)] = true
		}
		if len(seen) != 50 {
			t.Errorf("%s: %d different samples of 50", name, len(seen))
		}
	}
}

func TestInstructionFails(t *testing.T) {
	calls := 0
	late := instruction(func() (uint64, bool) { calls++; return 0x0102030405060708, calls > 3 })
	sample := make([]byte, 8)
	if _, err := io.ReadFull(late, sample); err != nil || !bytes.Equal(sample, []byte{8, 7, 6, 5, 4, 3, 2, 1}) {
		t.Errorf("%x, %v", sample, err)
	}
	never := instruction(func() (uint64, bool) { return 0, false })
	if _, err := never.Read(sample); err == nil {
		t.Error("random numbers from nowhere")
	}
}

func TestSources(t *testing.T) {
	for _, path := range []string{"/nonexistent", os.DevNull} {
		if _, err := openSource(false, false, path); !errors.Is(err, errNoSource) {
			t.Errorf("%s: %v", path, err)
		}
	}
	source, err := openSource(false, false, "/dev/urandom")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(source, make([]byte, sampleSize)); err != nil {
		t.Error(err)
	}
}

// Adds to the real pool, which only makes it better, and waits for nothing.
func TestPool(t *testing.T) {
	pool, err := openPool("/dev/random")
	if err != nil {
		t.Skipf("no /dev/random here: %v", err)
	}
	defer pool.close()
	if err := pool.add([]byte("a sample")); errors.Is(err, os.ErrPermission) {
		t.Skipf("only root may add entropy: %v", err)
	} else if err != nil {
		t.Fatal(err)
	}
	if _, err := pool.wantsMore(false); err != nil {
		t.Fatal(err)
	}
	if _, err := openPool(os.DevNull); err == nil {
		t.Error("/dev/null cannot be waited for")
	}
}
