package http2

import (
	"bytes"
	"encoding/hex"
	"math/rand"
	"reflect"
	"strings"
	"testing"
)

func unhex(t *testing.T, text string) []byte {
	t.Helper()
	data, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestIntegers uses RFC 7541 Appendix C.1.
func TestIntegers(t *testing.T) {
	for _, test := range []struct {
		bits  uint
		value int
		coded string
	}{{5, 10, "0a"}, {5, 1337, "1f9a0a"}, {8, 42, "2a"}} {
		if got := hex.EncodeToString(appendInteger(nil, 0, test.bits, test.value)); got != test.coded {
			t.Errorf("%d is %s, want %s", test.value, got, test.coded)
		}
		in := &reader{data: unhex(t, test.coded)}
		if got := in.integer(test.bits); got != test.value || in.err != nil {
			t.Errorf("%s is %d (%v), want %d", test.coded, got, in.err, test.value)
		}
	}
}

// TestSingleFields uses RFC 7541 Appendix C.2.
func TestSingleFields(t *testing.T) {
	for coded, want := range map[string]Field{
		"400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572": {"custom-key", "custom-header"},
		"040c 2f73 616d 706c 652f 7061 7468":                               {":path", "/sample/path"},
		"1008 7061 7373 776f 7264 0673 6563 7265 74":                       {"password", "secret"},
		"82": {":method", "GET"},
	} {
		fields, err := newDecoder().decode(unhex(t, coded))
		if err != nil || len(fields) != 1 || fields[0] != want {
			t.Errorf("%s: %v %v", coded, fields, err)
		}
	}
}

// TestBlocks uses RFC 7541 Appendix C.4 and C.6: Huffman coding, the dynamic
// table and, with a table of 256 bytes, its eviction.
func TestBlocks(t *testing.T) {
	const date1, date2 = "Mon, 21 Oct 2013 20:13:21 GMT", "Mon, 21 Oct 2013 20:13:22 GMT"
	const place = "https://www.example.com"
	request := func(scheme, path string, more ...Field) []Field {
		return append([]Field{{":method", "GET"}, {":scheme", scheme}, {":path", path}, {":authority", "www.example.com"}}, more...)
	}
	response := func(status, date string, more ...Field) []Field {
		return append([]Field{{":status", status}, {"cache-control", "private"}, {"date", date}, {"location", place}}, more...)
	}
	requests := newDecoder()
	responses := newDecoder()
	responses.limit = 256
	for _, step := range []struct {
		decoder *decoder
		coded   string
		want    []Field
	}{
		{requests, "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff", request("http", "/")},
		{requests, "8286 84be 5886 a8eb 1064 9cbf", request("http", "/", Field{"cache-control", "no-cache"})},
		{requests, "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
			request("https", "/index.html", Field{"custom-key", "custom-value"})},
		{responses, "4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad" +
			"1718 63c7 8f0b 97c8 e9ae 82ae 43d3", response("302", date1)},
		{responses, "4883 640e ffc1 c0bf", response("307", date1)},
		{responses, "88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2" +
			"e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07",
			response("200", date2, Field{"content-encoding", "gzip"},
				Field{"set-cookie", "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1"})},
	} {
		got, err := step.decoder.decode(unhex(t, step.coded))
		if err != nil {
			t.Fatalf("%s: %v", step.coded, err)
		}
		if !reflect.DeepEqual(got, step.want) {
			t.Errorf("%s:\ngot  %v\nwant %v", step.coded, got, step.want)
		}
	}
	if responses.used != 215 || len(responses.dynamic) != 3 {
		t.Errorf("table holds %d bytes in %d entries", responses.used, len(responses.dynamic))
	}
}

func TestEncodedFieldsDecode(t *testing.T) {
	fields := []Field{{":path", "/x"}, {"long", strings.Repeat("v", 5000)}, {"empty", ""}}
	got, err := newDecoder().decode(appendFields(nil, fields))
	if err != nil || !reflect.DeepEqual(got, fields) {
		t.Errorf("%v %v", got, err)
	}
}

func TestHostileBlocks(t *testing.T) {
	for name, coded := range map[string]string{
		"index zero":          "80",
		"index out of range":  "ff80 01",
		"cut string":          "000a 61",
		"endless integer":     "ffff ffff ffff ffff",
		"table too large":     "3fe2 1f",
		"wrong padding":       "0001 6181 18",
		"end of string coded": "0001 6185 ffff ffff ff",
	} {
		if fields, err := newDecoder().decode(unhex(t, coded)); err == nil {
			t.Errorf("%s: accepted as %v", name, fields)
		}
	}
	bomb := append(appendInteger(nil, 0x40, 6, 0), 1, 'a')
	bomb = append(appendInteger(bomb, 0, 7, 4000), bytes.Repeat([]byte("b"), 4000)...)
	bomb = append(bomb, bytes.Repeat([]byte{0x80 | 62}, 1000)...)
	if _, err := newDecoder().decode(bomb); err == nil {
		t.Error("expanding block accepted")
	}
	random := rand.New(rand.NewSource(7541))
	for i := 0; i < 20000; i++ {
		block := make([]byte, random.Intn(40))
		random.Read(block)
		newDecoder().decode(block)
	}
}
