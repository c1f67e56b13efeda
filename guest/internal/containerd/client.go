// Package containerd is a client for the part of containerd's gRPC API that
// running services needs (containerd api/services/containers/v1 and
// api/services/tasks/v1, unchanged between containerd 1.6 and 2).
package containerd

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strconv"
	"syscall"

	"linuxkit/guest/internal/http2"
)

// Client talks to one containerd. It is not safe for concurrent use.
type Client struct {
	connection *http2.Client
}

// Dial connects to the unix socket at path. While nobody listens there the
// error wraps syscall.ENOENT or syscall.ECONNREFUSED.
func Dial(path string) (*Client, error) {
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	if err := syscall.Connect(fd, &syscall.SockaddrUnix{Name: path}); err != nil {
		syscall.Close(fd)
		return nil, &os.PathError{Op: "connect", Path: path, Err: err}
	}
	connection, err := http2.NewClient(os.NewFile(uintptr(fd), path))
	if err != nil {
		return nil, err
	}
	return &Client{connection: connection}, nil
}

// Close ends the connection.
func (c *Client) Close() error {
	return c.connection.Close()
}

const (
	codeNotFound = 5
	prefixSize   = 5
)

// StatusError is a refusal by containerd. Code is a number from gRPC's status
// code list (grpc/doc/statuscodes.md).
type StatusError struct {
	Code    int
	Message string
}

func (e *StatusError) Error() string {
	if e.Message == "" {
		return fmt.Sprintf("containerd answers with status code %d", e.Code)
	}
	return e.Message
}

// IsNotFound says whether containerd knows no such container, task or process.
func IsNotFound(err error) bool {
	var status *StatusError
	return errors.As(err, &status) && status.Code == codeNotFound
}

// call makes one unary call as grpc/doc/PROTOCOL-HTTP2.md describes it.
func (c *Client) call(namespace, method string, request message) ([]field, error) {
	body := make([]byte, prefixSize, prefixSize+len(request))
	binary.BigEndian.PutUint32(body[1:], uint32(len(request)))
	response, err := c.connection.Do([]http2.Field{
		{Name: ":method", Value: "POST"},
		{Name: ":scheme", Value: "http"},
		{Name: ":path", Value: method},
		{Name: ":authority", Value: "localhost"},
		{Name: "te", Value: "trailers"},
		{Name: "content-type", Value: "application/grpc"},
		{Name: "containerd-namespace", Value: namespace},
	}, append(body, request...))
	if err != nil {
		return nil, err
	}
	if status := response.Field("grpc-status"); status != "0" {
		code, err := strconv.Atoi(status)
		if err != nil {
			return nil, fmt.Errorf("containerd answers with HTTP status %s and no gRPC status", response.Field(":status"))
		}
		return nil, &StatusError{Code: code, Message: percentDecode(response.Field("grpc-message"))}
	}
	answer := response.Body
	if len(answer) < prefixSize || answer[0] != 0 || uint64(binary.BigEndian.Uint32(answer[1:])) != uint64(len(answer)-prefixSize) {
		return nil, errors.New("containerd sent a malformed gRPC message")
	}
	return decode(answer[prefixSize:])
}

// percentDecode undoes the coding of grpc-message. Broken escapes are kept: a
// message with a flaw is better than none.
func percentDecode(text string) string {
	var out []byte
	for i := 0; i < len(text); i++ {
		if text[i] == '%' && i+2 < len(text) {
			if value, err := strconv.ParseUint(text[i+1:i+3], 16, 8); err == nil {
				out = append(out, byte(value))
				i += 2
				continue
			}
		}
		out = append(out, text[i])
	}
	return string(out)
}
