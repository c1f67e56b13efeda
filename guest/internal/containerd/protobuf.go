package containerd

import (
	"encoding/binary"
	"errors"
)

// Wire types of the Protocol Buffers encoding
// (https://protobuf.dev/programming-guides/encoding/).
const (
	wireVarint  = 0
	wireFixed64 = 1
	wireBytes   = 2
	wireFixed32 = 5
)

// message is an encoded Protocol Buffers message under construction. Fields
// with their zero value are left out, as proto3 prescribes.
type message []byte

func (m message) varint(field int, value uint64) message {
	if value == 0 {
		return m
	}
	return appendVarint(appendVarint(m, uint64(field)<<3|wireVarint), value)
}

func (m message) bytes(field int, value []byte) message {
	if len(value) == 0 {
		return m
	}
	m = appendVarint(m, uint64(field)<<3|wireBytes)
	return append(appendVarint(m, uint64(len(value))), value...)
}

func (m message) text(field int, value string) message {
	return m.bytes(field, []byte(value))
}

func appendVarint(out []byte, value uint64) []byte {
	var buffer [binary.MaxVarintLen64]byte
	return append(out, buffer[:binary.PutUvarint(buffer[:], value)]...)
}

var errMessage = errors.New("malformed Protocol Buffers message")

// field is one decoded field: number for a varint, data for a string, bytes or
// embedded message.
type field struct {
	id     int
	number uint64
	data   []byte
}

// decode splits an encoded message into its fields.
func decode(data []byte) ([]field, error) {
	var fields []field
	for len(data) > 0 {
		tag, size := binary.Uvarint(data)
		if size <= 0 {
			return nil, errMessage
		}
		data = data[size:]
		current := field{id: int(tag >> 3)}
		switch tag & 7 {
		case wireVarint:
			if current.number, size = binary.Uvarint(data); size <= 0 {
				return nil, errMessage
			}
		case wireBytes:
			length, prefix := binary.Uvarint(data)
			if prefix <= 0 || length > uint64(len(data)-prefix) {
				return nil, errMessage
			}
			size = prefix + int(length)
			current.data = data[prefix:size]
		case wireFixed64:
			size = 8
		case wireFixed32:
			size = 4
		default:
			return nil, errMessage
		}
		if size > len(data) {
			return nil, errMessage
		}
		data = data[size:]
		fields = append(fields, current)
	}
	return fields, nil
}

// find returns the last field with this number, or an empty one.
func find(fields []field, id int) field {
	for i := len(fields) - 1; i >= 0; i-- {
		if fields[i].id == id {
			return fields[i]
		}
	}
	return field{id: id}
}
