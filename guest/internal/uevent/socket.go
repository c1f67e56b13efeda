package uevent

import (
	"os"
	"syscall"
	"time"
)

// kernelGroup is the multicast group that the kernel itself sends to.
const kernelGroup = 1

// receiveBuffer bounds what may wait in the socket while a slow module is
// loaded; memory is only used as messages arrive. udevd takes the same size.
const receiveBuffer = 128 << 20

// largest is UEVENT_BUFFER_SIZE of linux/kobject.h, with room for the header.
const largest = 4096

// Socket receives the kernel's uevents.
type Socket struct {
	fd     int
	buffer [largest]byte
}

// Listen opens a socket that receives all events from now on.
func Listen() (*Socket, error) {
	kind := syscall.SOCK_DGRAM | syscall.SOCK_CLOEXEC
	fd, err := syscall.Socket(syscall.AF_NETLINK, kind, syscall.NETLINK_KOBJECT_UEVENT)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	// Without CAP_NET_ADMIN the default size stays: events may then be lost,
	// which Receive reports.
	_ = syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_RCVBUFFORCE, receiveBuffer)
	address := &syscall.SockaddrNetlink{Family: syscall.AF_NETLINK, Groups: kernelGroup}
	if err := syscall.Bind(fd, address); err != nil {
		syscall.Close(fd)
		return nil, os.NewSyscallError("bind", err)
	}
	return &Socket{fd: fd}, nil
}

// SetTimeout bounds how long Receive waits; zero is for ever.
func (socket *Socket) SetTimeout(timeout time.Duration) error {
	value := syscall.NsecToTimeval(timeout.Nanoseconds())
	return os.NewSyscallError("setsockopt",
		syscall.SetsockoptTimeval(socket.fd, syscall.SOL_SOCKET, syscall.SO_RCVTIMEO, &value))
}

// Receive waits for the next event. It returns syscall.EAGAIN when the time is
// over and syscall.ENOBUFS when the kernel had to drop events.
func (socket *Socket) Receive() (Event, error) {
	for {
		length, from, err := syscall.Recvfrom(socket.fd, socket.buffer[:], 0)
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return Event{}, err
		}
		// Port 0 is the kernel; a process could send here too.
		if sender, isNetlink := from.(*syscall.SockaddrNetlink); !isNetlink || sender.Pid != 0 {
			continue
		}
		if event, valid := parse(socket.buffer[:length]); valid {
			return event, nil
		}
	}
}

// Close closes the socket.
func (socket *Socket) Close() error {
	return syscall.Close(socket.fd)
}
