package main

import (
	"fmt"
	"strconv"
	"strings"
)

// port is a vsock port and the unix socket that it leads to.
type port struct {
	number uint32
	path   string
}

// portList collects the values of a flag.
type portList []port

func (l *portList) String() string { return fmt.Sprint(*l) }

func (l *portList) Set(text string) error {
	number, path, ok := strings.Cut(text, ":unix:")
	if !ok || path == "" {
		return fmt.Errorf("%q is not PORT:unix:PATH", text)
	}
	parsed, err := parsePort(number)
	if err != nil {
		return err
	}
	*l = append(*l, port{parsed, path})
	return nil
}

// hyperVSuffix is the part of a Hyper-V service's id that says that the rest is a
// vsock port; see the kernel's net/vmw_vsock/hyperv_transport.c.
const hyperVSuffix = "-facb-11e6-bd58-64006a7986d3"

// parsePort reads a number, or the id under which a Hyper-V host knows the port.
func parsePort(text string) (uint32, error) {
	base := 10
	if number := strings.TrimSuffix(strings.ToLower(text), hyperVSuffix); len(number) != len(text) {
		text, base = number, 16
	}
	number, err := strconv.ParseUint(text, base, 32)
	if err != nil {
		return 0, fmt.Errorf("%q is not a vsock port", text)
	}
	return uint32(number), nil
}
