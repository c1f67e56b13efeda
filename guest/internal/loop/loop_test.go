package loop

import (
	"testing"
	"unsafe"
)

// The kernel refuses structures of another size than those of linux/loop.h.
func TestSizes(t *testing.T) {
	if size := unsafe.Sizeof(info{}); size != 232 {
		t.Errorf("info has %d bytes", size)
	}
	if size := unsafe.Sizeof(configuration{}); size != 304 {
		t.Errorf("configuration has %d bytes", size)
	}
	if offset := unsafe.Offsetof(info{}.flags); offset != 52 {
		t.Errorf("flags at %d", offset)
	}
}
