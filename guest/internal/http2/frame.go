package http2

import (
	"encoding/binary"
	"fmt"
	"io"
)

// Frame types (RFC 9113 section 6).
const (
	frameData         = 0
	frameHeaders      = 1
	frameReset        = 3
	frameSettings     = 4
	framePing         = 6
	frameGoAway       = 7
	frameWindowUpdate = 8
	frameContinuation = 9
)

// Frame flags. Acknowledge and endStream share a bit on different types.
const (
	flagAcknowledge = 0x01
	flagEndStream   = 0x01
	flagEndHeaders  = 0x04
	flagPadded      = 0x08
	flagPriority    = 0x20
)

const (
	frameHeaderSize = 9
	// maxFrameSize is the initial SETTINGS_MAX_FRAME_SIZE, the least that every
	// peer accepts and the most it may send to a client that did not raise it.
	maxFrameSize = 16384
)

type frame struct {
	kind    byte
	flags   byte
	stream  uint32
	payload []byte
}

func (f frame) has(flag byte) bool { return f.flags&flag != 0 }

func appendFrame(out []byte, f frame) []byte {
	size := len(f.payload)
	out = append(out, byte(size>>16), byte(size>>8), byte(size), f.kind, f.flags)
	out = append(out, uint32Bytes(f.stream)...)
	return append(out, f.payload...)
}

func readFrame(in io.Reader) (frame, error) {
	var header [frameHeaderSize]byte
	if _, err := io.ReadFull(in, header[:]); err != nil {
		return frame{}, err
	}
	size := int(header[0])<<16 | int(header[1])<<8 | int(header[2])
	if size > maxFrameSize {
		return frame{}, fmt.Errorf("http2: frame of %d bytes is too large", size)
	}
	f := frame{
		kind:    header[3],
		flags:   header[4],
		stream:  binary.BigEndian.Uint32(header[5:]) &^ (1 << 31),
		payload: make([]byte, size),
	}
	_, err := io.ReadFull(in, f.payload)
	return f, err
}

// content is the payload of a DATA or HEADERS frame without padding and
// without the obsolete priority fields.
func (f frame) content() ([]byte, error) {
	body, padding := f.payload, 0
	if f.has(flagPadded) {
		if len(body) < 1 {
			return nil, errFrame
		}
		padding, body = int(body[0]), body[1:]
	}
	if f.kind == frameHeaders && f.has(flagPriority) {
		if len(body) < 5 {
			return nil, errFrame
		}
		body = body[5:]
	}
	if padding > len(body) {
		return nil, errFrame
	}
	return body[:len(body)-padding], nil
}

func uint32Bytes(value uint32) []byte {
	return []byte{byte(value >> 24), byte(value >> 16), byte(value >> 8), byte(value)}
}
