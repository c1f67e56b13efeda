// Package http2 is a small HTTP/2 client (RFC 9113, HPACK: RFC 7541) for gRPC
// over a local socket: cleartext, one request at a time. The standard library
// has no cleartext HTTP/2 client, and net/http would cost start-up time.
package http2

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

const (
	preface       = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
	initialWindow = 65535
	maxWindow     = 1<<31 - 1
	maxStream     = 1<<31 - 1
	maxBody       = 16 << 20

	settingEnablePush    = 2
	settingInitialWindow = 4
)

var errFrame = errors.New("http2: malformed frame")

// Response is everything the server sent for one request. Fields holds the
// headers and the trailers, in order of arrival.
type Response struct {
	Fields []Field
	Body   []byte
}

// Field returns the value of the last field of this name, or "".
func (r *Response) Field(name string) string {
	for i := len(r.Fields) - 1; i >= 0; i-- {
		if r.Fields[i].Name == name {
			return r.Fields[i].Value
		}
	}
	return ""
}

// Client is one connection. It is not safe for concurrent use, and unusable
// after an error other than a stream reset.
type Client struct {
	connection  io.ReadWriteCloser
	input       *bufio.Reader
	decoder     *decoder
	nextStream  uint32
	window      int64 // what the connection may still send
	peerInitial int64 // what a new stream may send
}

// NewClient greets the server on connection, which the client owns from now on.
func NewClient(connection io.ReadWriteCloser) (*Client, error) {
	greeting := appendFrame([]byte(preface), frame{
		kind:    frameSettings,
		payload: []byte{0, settingEnablePush, 0, 0, 0, 0},
	})
	if _, err := connection.Write(greeting); err != nil {
		connection.Close()
		return nil, fmt.Errorf("http2: %w", err)
	}
	return &Client{
		connection:  connection,
		input:       bufio.NewReader(connection),
		decoder:     newDecoder(),
		nextStream:  1,
		window:      initialWindow,
		peerInitial: initialWindow,
	}, nil
}

// Close ends the connection.
func (c *Client) Close() error {
	return c.connection.Close()
}

// exchange is the state of the request in flight.
type exchange struct {
	stream   uint32
	window   int64
	response Response
	done     bool
}

// Do sends one request with a body and waits, without limit, for the complete
// response.
func (c *Client) Do(fields []Field, body []byte) (*Response, error) {
	if c.nextStream > maxStream {
		return nil, errors.New("http2: the connection has no stream numbers left")
	}
	current := &exchange{stream: c.nextStream, window: c.peerInitial}
	c.nextStream += 2
	if err := c.sendFields(current.stream, fields); err != nil {
		return nil, err
	}
	if err := c.sendBody(current, body); err != nil {
		return nil, err
	}
	for !current.done {
		if err := c.receive(current); err != nil {
			return nil, err
		}
	}
	return &current.response, nil
}

func (c *Client) send(f frame) error {
	if _, err := c.connection.Write(appendFrame(nil, f)); err != nil {
		return fmt.Errorf("http2: %w", err)
	}
	return nil
}

func (c *Client) sendFields(stream uint32, fields []Field) error {
	block := appendFields(nil, fields)
	if len(block) > maxFrameSize {
		return errors.New("http2: header fields are too large")
	}
	return c.send(frame{kind: frameHeaders, flags: flagEndHeaders, stream: stream, payload: block})
}

// sendBody writes the body as fast as flow control allows (RFC 9113 section
// 5.2). A server may answer before it has read everything.
func (c *Client) sendBody(current *exchange, body []byte) error {
	for !current.done {
		size := min(int64(len(body)), maxFrameSize, c.window, current.window)
		if size <= 0 && len(body) > 0 {
			if err := c.receive(current); err != nil {
				return err
			}
			continue
		}
		part := frame{kind: frameData, stream: current.stream, payload: body[:size]}
		if body = body[size:]; len(body) == 0 {
			part.flags = flagEndStream
		}
		c.window -= size
		current.window -= size
		if err := c.send(part); err != nil {
			return err
		}
		if len(body) == 0 {
			return nil
		}
	}
	return nil
}

// receive handles one frame. Frames of finished streams only matter for the
// state of the connection.
func (c *Client) receive(current *exchange) error {
	f, err := readFrame(c.input)
	if err != nil {
		return fmt.Errorf("http2: %w", err)
	}
	own := f.stream == current.stream
	switch f.kind {
	case frameData:
		return c.receiveData(current, f, own)
	case frameHeaders:
		return c.receiveFields(current, f, own)
	case frameSettings:
		return c.receiveSettings(current, f)
	case framePing:
		if f.has(flagAcknowledge) {
			return nil
		}
		return c.send(frame{kind: framePing, flags: flagAcknowledge, payload: f.payload})
	case frameWindowUpdate:
		return c.receiveCredit(current, f, own)
	case frameReset:
		if len(f.payload) != 4 {
			return errFrame
		}
		if own {
			return fmt.Errorf("http2: the server reset the stream, error code %d", binary.BigEndian.Uint32(f.payload))
		}
	case frameGoAway:
		if len(f.payload) < 8 {
			return errFrame
		}
		if binary.BigEndian.Uint32(f.payload)&^(1<<31) < current.stream {
			return fmt.Errorf("http2: the server closes the connection: error code %d %s",
				binary.BigEndian.Uint32(f.payload[4:]), f.payload[8:])
		}
	}
	return nil
}

func (c *Client) receiveData(current *exchange, f frame, own bool) error {
	content, err := f.content()
	if err != nil {
		return err
	}
	if own {
		if len(current.response.Body)+len(content) > maxBody {
			return errors.New("http2: response is too large")
		}
		current.response.Body = append(current.response.Body, content...)
		current.done = f.has(flagEndStream)
	}
	if len(f.payload) == 0 {
		return nil
	}
	// Padding counts in flow control, so the whole payload is given back.
	credit := uint32Bytes(uint32(len(f.payload)))
	if err := c.send(frame{kind: frameWindowUpdate, payload: credit}); err != nil || current.done || !own {
		return err
	}
	return c.send(frame{kind: frameWindowUpdate, stream: f.stream, payload: credit})
}

func (c *Client) receiveFields(current *exchange, f frame, own bool) error {
	content, err := f.content()
	if err != nil {
		return err
	}
	block := append([]byte(nil), content...)
	for last := f; !last.has(flagEndHeaders); {
		if last, err = readFrame(c.input); err != nil {
			return fmt.Errorf("http2: %w", err)
		}
		if last.kind != frameContinuation || last.stream != f.stream || len(block)+len(last.payload) > maxFieldBlock {
			return errFrame
		}
		block = append(block, last.payload...)
	}
	// Every block is decoded: the dynamic table belongs to the connection.
	fields, err := c.decoder.decode(block)
	if err != nil {
		return err
	}
	if own {
		current.response.Fields = append(current.response.Fields, fields...)
		current.done = f.has(flagEndStream)
	}
	return nil
}

func (c *Client) receiveSettings(current *exchange, f frame) error {
	if f.has(flagAcknowledge) {
		return nil
	}
	if len(f.payload)%6 != 0 {
		return errFrame
	}
	for entry := f.payload; len(entry) > 0; entry = entry[6:] {
		if binary.BigEndian.Uint16(entry) != settingInitialWindow {
			continue
		}
		value := int64(binary.BigEndian.Uint32(entry[2:]))
		if value > maxWindow {
			return errFrame
		}
		current.window += value - c.peerInitial
		c.peerInitial = value
	}
	return c.send(frame{kind: frameSettings, flags: flagAcknowledge})
}

func (c *Client) receiveCredit(current *exchange, f frame, own bool) error {
	if len(f.payload) != 4 {
		return errFrame
	}
	credit := int64(binary.BigEndian.Uint32(f.payload) &^ (1 << 31))
	if f.stream == 0 {
		c.window += credit
	} else if own {
		current.window += credit
	}
	if c.window > maxWindow || current.window > maxWindow {
		return errFrame
	}
	return nil
}

func min(first int64, others ...int64) int64 {
	for _, other := range others {
		if other < first {
			first = other
		}
	}
	return first
}
