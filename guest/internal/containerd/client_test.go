package containerd

import (
	"crypto/tls"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"syscall"
	"testing"

	"linuxkit/guest/internal/http2"
)

// fakeContainerd answers every call with the same status and body and keeps
// the last request.
type fakeContainerd struct {
	status, text string
	answer       []byte
	path, space  string
	body         []byte
}

func (f *fakeContainerd) ServeHTTP(out http.ResponseWriter, in *http.Request) {
	f.path, f.space = in.URL.Path, in.Header.Get("Containerd-Namespace")
	f.body, _ = io.ReadAll(in.Body)
	out.Header().Set("Content-Type", "application/grpc")
	out.Header().Set("Trailer", "Grpc-Status, Grpc-Message")
	out.Write(f.answer)
	out.Header().Set("Grpc-Status", f.status)
	out.Header().Set("Grpc-Message", f.text)
}

func (f *fakeContainerd) dial(t *testing.T) *Client {
	t.Helper()
	server := httptest.NewUnstartedServer(f)
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	connection, err := tls.Dial("tcp", server.Listener.Addr().String(), &tls.Config{
		NextProtos:         []string{"h2"},
		InsecureSkipVerify: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	client, err := http2.NewClient(connection)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return &Client{connection: client}
}

func TestCalls(t *testing.T) {
	fake := &fakeContainerd{status: "0", answer: []byte("\x00\x00\x00\x00\x06\x0a\x01x\x10\xac\x02")}
	client := fake.dial(t)
	pid, err := client.CreateTask("space", "x", "/out", "/err")
	if err != nil || pid != 300 {
		t.Errorf("pid %d, %v", pid, err)
	}
	if want := "\x00\x00\x00\x00\x0f\x0a\x01x\x2a\x04/out\x32\x04/err"; string(fake.body) != want {
		t.Errorf("sent %q, want %q", fake.body, want)
	}
	if fake.path != "/containerd.services.tasks.v1.Tasks/Create" || fake.space != "space" {
		t.Errorf("%s in %s", fake.path, fake.space)
	}
	if err := client.KillTask("space", "x", 9); err != nil || string(fake.body[prefixSize:]) != "\x0a\x01x\x18\x09" {
		t.Errorf("%v %q", err, fake.body)
	}
}

func TestRefusal(t *testing.T) {
	client := (&fakeContainerd{status: "5", text: `container "x": 100%25 not%0Afound%`}).dial(t)
	err := client.StartTask("space", "x")
	if !IsNotFound(err) || err.Error() != "container \"x\": 100% not\nfound%" {
		t.Errorf("%v", err)
	}
}

func TestBrokenAnswers(t *testing.T) {
	for name, fake := range map[string]*fakeContainerd{
		"no status":  {answer: []byte("page")},
		"no prefix":  {status: "0", answer: []byte("x")},
		"cut answer": {status: "0", answer: []byte("\x00\x00\x00\x00\x09\x0a")},
		"bad field":  {status: "0", answer: []byte("\x00\x00\x00\x00\x02\x0a\x09")},
	} {
		if _, err := fake.dial(t).ListContainers("space"); err == nil || IsNotFound(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDialNothing(t *testing.T) {
	if _, err := Dial(t.TempDir() + "/socket"); err == nil || !strings.Contains(err.Error(), syscall.ENOENT.Error()) {
		t.Errorf("%v", err)
	}
}

func TestDecode(t *testing.T) {
	encoded := message(nil).varint(1, 0).varint(2, 1<<40).text(3, "text")
	encoded = append(encoded, 4<<3|wireFixed32, 1, 2, 3, 4, 5<<3|wireFixed64, 1, 2, 3, 4, 5, 6, 7, 8)
	fields, err := decode(encoded)
	want := []field{{id: 2, number: 1 << 40}, {id: 3, data: []byte("text")}, {id: 4}, {id: 5}}
	if err != nil || !reflect.DeepEqual(fields, want) {
		t.Errorf("%v %v", fields, err)
	}
	for _, broken := range []string{"\x80", "\x08", "\x12\x05ab", "\x0d\x01", "\x0b"} {
		if fields, err := decode([]byte(broken)); err == nil {
			t.Errorf("%q accepted as %v", broken, fields)
		}
	}
}
