package main

import (
	"os"
	"syscall"
	"unsafe"
)

// What linux/vm_sockets.h names and package syscall does not.
const (
	afVsock = 40
	anyCID  = 0xffffffff // VMADDR_CID_ANY
	hostCID = 2          // VMADDR_CID_HOST
)

// vsockAddress is struct sockaddr_vm.
type vsockAddress struct {
	family   uint16
	reserved uint16
	port     uint32
	cid      uint32
	flags    uint8
	zero     [3]uint8
}

func openVsock() (int, error) {
	fd, err := syscall.Socket(afVsock, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	return fd, os.NewSyscallError("socket", err)
}

// withAddress makes a system call that takes a socket and an address.
func withAddress(number uintptr, name string, fd int, cid, port uint32) error {
	address := vsockAddress{family: afVsock, port: port, cid: cid}
	_, _, errno := syscall.Syscall(number, uintptr(fd), uintptr(unsafe.Pointer(&address)), unsafe.Sizeof(address))
	if errno != 0 {
		return os.NewSyscallError(name, errno)
	}
	return nil
}

// backlog is how many connections may wait to be taken.
const backlog = 128

// listen opens a port of this machine.
func listen(port uint32) (*listener, error) {
	fd, err := openVsock()
	if err != nil {
		return nil, err
	}
	if err = withAddress(syscall.SYS_BIND, "bind", fd, anyCID, port); err == nil {
		err = os.NewSyscallError("listen", syscall.Listen(fd, backlog))
	}
	if err != nil {
		syscall.Close(fd)
		return nil, err
	}
	return &listener{fd}, nil
}

// dialHost connects to a port of the host.
func dialHost(port uint32) (*os.File, error) {
	fd, err := openVsock()
	if err != nil {
		return nil, err
	}
	if err := withAddress(syscall.SYS_CONNECT, "connect", fd, hostCID, port); err != nil {
		syscall.Close(fd)
		return nil, err
	}
	return os.NewFile(uintptr(fd), "vsock"), nil
}

// listener is a listening stream socket of any family, which package net would not
// take.
type listener struct{ fd int }

func (l *listener) accept() (stream, error) {
	for {
		fd, _, errno := syscall.Syscall6(syscall.SYS_ACCEPT4, uintptr(l.fd), 0, 0, syscall.SOCK_CLOEXEC|syscall.SOCK_NONBLOCK, 0, 0)
		switch errno {
		case 0:
			return stream{os.NewFile(fd, "connection")}, nil
		case syscall.EINTR, syscall.ECONNABORTED:
		default:
			return stream{}, os.NewSyscallError("accept", errno)
		}
	}
}

// stream is a connected stream socket.
type stream struct{ *os.File }

func (s stream) CloseWrite() error {
	raw, err := s.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	if err := raw.Control(func(fd uintptr) { failed = syscall.Shutdown(int(fd), syscall.SHUT_WR) }); err != nil {
		return err
	}
	return failed
}
