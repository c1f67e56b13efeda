package main

import (
	"sync"

	"linuxkit/guest/internal/memlog"
)

// ring keeps the last entries of all logs. Whoever adds one never waits: a reader
// that is too slow misses entries instead.
type ring struct {
	mutex   sync.Mutex
	changed *sync.Cond
	entries []memlog.Entry // entry number n is at n modulo length
	next    uint64         // number of the entry to come
}

func newRing(size int) *ring {
	r := &ring{entries: make([]memlog.Entry, size)}
	r.changed = sync.NewCond(&r.mutex)
	return r
}

func (r *ring) add(entry memlog.Entry) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.entries[r.next%uint64(len(r.entries))] = entry
	r.next++
	r.changed.Broadcast()
}

// end is the number of the entry to come.
func (r *ring) end() uint64 {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return r.next
}

// from returns the entry with this number, or the oldest that is left, and the
// number that follows. It waits for an entry that is yet to come.
func (r *ring) from(number uint64) (memlog.Entry, uint64) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	for number >= r.next {
		r.changed.Wait()
	}
	size := uint64(len(r.entries))
	if r.next > size && number < r.next-size {
		number = r.next - size
	}
	return r.entries[number%size], number + 1
}
