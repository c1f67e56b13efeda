package http2

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func request(path string) []Field {
	return []Field{{":method", "POST"}, {":scheme", "http"}, {":authority", "localhost"}, {":path", path}}
}

// TestAgainstStandardServer lets Go's own HTTP/2 server judge the client.
func TestAgainstStandardServer(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(out http.ResponseWriter, in *http.Request) {
		body, err := io.ReadAll(in.Body)
		out.Header().Set("Trailer", "X-Result")
		out.Write(body)
		out.Header().Set("X-Result", fmt.Sprintf("%d %v %s", len(body), err, in.URL.Path))
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	connection, err := tls.Dial("tcp", server.Listener.Addr().String(), &tls.Config{
		NextProtos:         []string{"h2"},
		InsecureSkipVerify: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	client, err := NewClient(connection)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for _, size := range []int{0, 1, 70000, 3 << 20, 5} {
		body := bytes.Repeat([]byte("x"), size)
		response, err := client.Do(request("/echo"), body)
		if err != nil {
			t.Fatal(err)
		}
		if response.Field(":status") != "200" || !bytes.Equal(response.Body, body) {
			t.Errorf("status %q, %d of %d bytes", response.Field(":status"), len(response.Body), size)
		}
		if want := fmt.Sprintf("%d <nil> /echo", size); response.Field("x-result") != want {
			t.Errorf("trailer %q, want %q", response.Field("x-result"), want)
		}
	}
}

// script is a server whose whole answer is known beforehand.
type script struct {
	io.Reader
	sent bytes.Buffer
}

func (s *script) Write(data []byte) (int, error) { return s.sent.Write(data) }
func (s *script) Close() error                   { return nil }

func play(t *testing.T, frames ...frame) (*Response, *script, error) {
	t.Helper()
	var answer []byte
	for _, f := range frames {
		answer = appendFrame(answer, f)
	}
	server := &script{Reader: bytes.NewReader(answer)}
	client, err := NewClient(server)
	if err != nil {
		t.Fatal(err)
	}
	response, err := client.Do(request("/"), []byte("body"))
	return response, server, err
}

func TestPaddingContinuationAndPing(t *testing.T) {
	block := appendFields(nil, []Field{{":status", "200"}, {"x", "y"}})
	ping := frame{kind: framePing, payload: []byte("12345678")}
	response, server, err := play(t,
		frame{kind: frameSettings},
		ping,
		frame{kind: frameHeaders, flags: flagPadded | flagPriority, stream: 1,
			payload: append(append([]byte{2, 0, 0, 0, 0, 0}, block[:5]...), 0, 0)},
		frame{kind: frameContinuation, flags: flagEndHeaders, stream: 1, payload: block[5:]},
		frame{kind: 0xee, stream: 1, payload: []byte("unknown frames are ignored")},
		frame{kind: frameData, flags: flagPadded | flagEndStream, stream: 1, payload: []byte("\x03data\x00\x00\x00")},
	)
	if err != nil {
		t.Fatal(err)
	}
	if string(response.Body) != "data" || response.Field("x") != "y" {
		t.Errorf("%q %v", response.Body, response.Fields)
	}
	ping.flags = flagAcknowledge
	for name, f := range map[string]frame{
		"settings acknowledgement": {kind: frameSettings, flags: flagAcknowledge},
		"ping answer":              ping,
		"credit":                   {kind: frameWindowUpdate, payload: []byte{0, 0, 0, 8}},
	} {
		if !bytes.Contains(server.sent.Bytes(), appendFrame(nil, f)) {
			t.Errorf("no %s was sent", name)
		}
	}
}

func TestServerRefusals(t *testing.T) {
	for want, f := range map[string]frame{
		"error code 8":           {kind: frameReset, stream: 1, payload: []byte{0, 0, 0, 8}},
		"error code 2 going":     {kind: frameGoAway, payload: []byte("\x00\x00\x00\x00\x00\x00\x00\x02going")},
		"malformed frame":        {kind: frameData, flags: flagPadded, stream: 1, payload: []byte{200, 1}},
		"malformed field block":  {kind: frameHeaders, flags: flagEndHeaders, stream: 1, payload: []byte{0x80}},
		"EOF":                    {kind: framePing, flags: flagAcknowledge},
		"http2: malformed frame": {kind: frameSettings, payload: []byte{1}},
	} {
		if _, _, err := play(t, frame{kind: frameSettings}, f); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
