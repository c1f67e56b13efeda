// Package netlink configures network interfaces through the kernel's
// NETLINK_ROUTE protocol, see netlink(7) and rtnetlink(7).
package netlink

import (
	"encoding/binary"
	"syscall"
	"unsafe"
)

// native is the byte order of this machine: netlink messages never leave it.
var native binary.ByteOrder = byteOrder()

func byteOrder() binary.ByteOrder {
	one := uint16(1)
	if *(*byte)(unsafe.Pointer(&one)) == 1 {
		return binary.LittleEndian
	}
	return binary.BigEndian
}

// Attributes inside IFLA_LINKINFO (linux/if_link.h, linux/veth.h), which
// package syscall does not name.
const (
	infoKind     = 1
	infoData     = 2
	vethInfoPeer = 1
)

// attribute encodes one struct rtattr with its value and padding.
func attribute(kind uint16, value []byte) []byte {
	length := syscall.SizeofRtAttr + len(value)
	out := make([]byte, align(length))
	native.PutUint16(out[0:], uint16(length))
	native.PutUint16(out[2:], kind)
	copy(out[syscall.SizeofRtAttr:], value)
	return out
}

func stringAttribute(kind uint16, value string) []byte {
	return attribute(kind, append([]byte(value), 0))
}

func uint32Attribute(kind uint16, value uint32) []byte {
	out := make([]byte, 4)
	native.PutUint32(out, value)
	return attribute(kind, out)
}

// linkHeader encodes struct ifinfomsg. Only the flag bits set in change are
// modified by the kernel.
func linkHeader(index int32, flags, change uint32) []byte {
	out := make([]byte, syscall.SizeofIfInfomsg)
	out[0] = syscall.AF_UNSPEC
	native.PutUint32(out[4:], uint32(index))
	native.PutUint32(out[8:], flags)
	native.PutUint32(out[12:], change)
	return out
}

// addressHeader encodes struct ifaddrmsg.
func addressHeader(family byte, index int32, prefix, scope byte) []byte {
	out := make([]byte, syscall.SizeofIfAddrmsg)
	out[0] = family
	out[1] = prefix
	out[3] = scope
	native.PutUint32(out[4:], uint32(index))
	return out
}

// routeHeader encodes struct rtmsg for a route that somebody configured.
func routeHeader(family, prefix byte) []byte {
	out := make([]byte, syscall.SizeofRtMsg)
	out[0] = family
	out[1] = prefix
	out[4] = syscall.RT_TABLE_MAIN
	out[5] = syscall.RTPROT_STATIC
	out[6] = syscall.RT_SCOPE_UNIVERSE
	out[7] = syscall.RTN_UNICAST
	return out
}

func align(length int) int {
	return (length + syscall.NLMSG_ALIGNTO - 1) &^ (syscall.NLMSG_ALIGNTO - 1)
}

func concat(parts ...[]byte) []byte {
	var out []byte
	for _, part := range parts {
		out = append(out, part...)
	}
	return out
}
