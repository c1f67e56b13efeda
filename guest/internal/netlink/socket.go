package netlink

import (
	"fmt"
	"os"
	"runtime"
	"syscall"
)

// Socket is a NETLINK_ROUTE socket. It acts on the network namespace in which
// it was opened, whatever namespace its user is in later.
type Socket struct {
	fd       int
	sequence uint32
}

// Open returns a socket of the caller's network namespace.
func Open() (*Socket, error) {
	fd, err := syscall.Socket(syscall.AF_NETLINK, syscall.SOCK_RAW|syscall.SOCK_CLOEXEC, syscall.NETLINK_ROUTE)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	if err := syscall.Bind(fd, &syscall.SockaddrNetlink{Family: syscall.AF_NETLINK}); err != nil {
		syscall.Close(fd)
		return nil, os.NewSyscallError("bind", err)
	}
	return &Socket{fd: fd}, nil
}

// OpenIn returns a socket of the network namespace of process pid.
func OpenIn(pid int) (*Socket, error) {
	target, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", pid))
	if err != nil {
		return nil, err
	}
	defer target.Close()

	// A network namespace belongs to a thread (setns(2)), so the goroutine must
	// stay on this one until it is back in its own namespace.
	runtime.LockOSThread()
	own, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		runtime.UnlockOSThread()
		return nil, err
	}
	defer own.Close()
	if err := setns(target); err != nil {
		runtime.UnlockOSThread()
		return nil, err
	}
	socket, err := Open()
	if back := setns(own); back != nil {
		// The thread stays locked: Go ends it with the goroutine instead of
		// letting other goroutines run in the wrong namespace.
		if socket != nil {
			socket.Close()
		}
		return nil, back
	}
	runtime.UnlockOSThread()
	return socket, err
}

func setns(namespace *os.File) error {
	_, _, errno := syscall.RawSyscall(sysSetns, namespace.Fd(), syscall.CLONE_NEWNET, 0)
	if errno != 0 {
		return os.NewSyscallError("setns", errno)
	}
	return nil
}

// Close releases the socket.
func (s *Socket) Close() error {
	return syscall.Close(s.fd)
}

// request sends one message and returns the payloads of the answers that came
// before the acknowledgement. A refusal of the kernel is its syscall.Errno.
func (s *Socket) request(kind, flags uint16, payload []byte) ([][]byte, error) {
	s.sequence++
	message := make([]byte, syscall.NLMSG_HDRLEN, syscall.NLMSG_HDRLEN+len(payload))
	native.PutUint32(message[0:], uint32(syscall.NLMSG_HDRLEN+len(payload)))
	native.PutUint16(message[4:], kind)
	native.PutUint16(message[6:], flags|syscall.NLM_F_REQUEST|syscall.NLM_F_ACK)
	native.PutUint32(message[8:], s.sequence)
	message = append(message, payload...)
	if err := syscall.Sendto(s.fd, message, 0, &syscall.SockaddrNetlink{Family: syscall.AF_NETLINK}); err != nil {
		return nil, os.NewSyscallError("sendto", err)
	}

	var answers [][]byte
	buffer := make([]byte, 64<<10)
	for {
		length, _, err := syscall.Recvfrom(s.fd, buffer, 0)
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return nil, os.NewSyscallError("recvfrom", err)
		}
		messages, err := syscall.ParseNetlinkMessage(buffer[:length])
		if err != nil {
			return nil, err
		}
		for _, answer := range messages {
			if answer.Header.Seq != s.sequence {
				continue
			}
			if answer.Header.Type != syscall.NLMSG_ERROR {
				answers = append(answers, append([]byte(nil), answer.Data...))
				continue
			}
			if len(answer.Data) < 4 {
				return nil, syscall.EBADMSG
			}
			if code := int32(native.Uint32(answer.Data)); code != 0 {
				return nil, syscall.Errno(-code)
			}
			return answers, nil
		}
	}
}
