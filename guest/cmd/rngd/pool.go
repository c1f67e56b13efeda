package main

import (
	"os"
	"syscall"
	"unsafe"
)

// addEntropy is RNDADDENTROPY of linux/random.h: _IOW('R', 0x03, int[2]).
const addEntropy = 1<<30 | 8<<16 | 'R'<<8 | 0x03

// pool is the kernel's random number generator.
type pool struct {
	random int
	poll   int
}

func openPool(path string) (*pool, error) {
	random, err := syscall.Open(path, syscall.O_RDWR|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	poll, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		syscall.Close(random)
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	pool := &pool{random, poll}
	event := syscall.EpollEvent{Events: syscall.EPOLLOUT}
	if err := syscall.EpollCtl(poll, syscall.EPOLL_CTL_ADD, random, &event); err != nil {
		pool.close()
		return nil, os.NewSyscallError("epoll_ctl", err)
	}
	return pool, nil
}

func (pool *pool) close() {
	syscall.Close(pool.poll)
	syscall.Close(pool.random)
}

// poolInfo is struct rand_pool_info of linux/random.h with its data.
type poolInfo struct {
	bits int32 // of entropy, to be credited
	size int32 // of data, in bytes
	data [sampleSize]byte
}

// fill describes sample, all bits of which count as random.
func fill(sample []byte) poolInfo {
	info := poolInfo{}
	size := copy(info.data[:], sample)
	info.size = int32(size)
	info.bits = int32(size * 8)
	return info
}

// add mixes a sample of at most sampleSize bytes in.
func (pool *pool) add(sample []byte) error {
	info := fill(sample)
	_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, uintptr(pool.random), addEntropy, uintptr(unsafe.Pointer(&info)))
	if errno != 0 {
		return os.NewSyscallError("add entropy", errno)
	}
	return nil
}

// wantsMore tells whether the kernel needs more; with wait it only returns when
// it does. Since Linux 5.18 it does until it was seeded once.
func (pool *pool) wantsMore(wait bool) (bool, error) {
	timeout := 0
	if wait {
		timeout = -1
	}
	for {
		var events [1]syscall.EpollEvent
		count, err := syscall.EpollWait(pool.poll, events[:], timeout)
		if err == syscall.EINTR {
			continue
		}
		return count > 0, os.NewSyscallError("epoll_wait", err)
	}
}
