package modules

import (
	"math/rand"
	"path"
	"reflect"
	"strconv"
	"strings"
	"testing"
)

func TestMatch(t *testing.T) {
	cases := []struct {
		pattern, name string
		want          bool
	}{
		{"", "", true},
		{"*", "", true},
		{"?", "", false},
		{"pci:v*d*sv*", "pci:v1d2sv3", true},
		{"a*b/c*", "a/b/b/cc", true},
		{"usb:d0[0-2]*", "usb:d01x", true},
		{"usb:d0[0-2]*", "usb:d03x", false},
		{"[!a-c]", "d", true},
		{"[!a-c]", "b", false},
		{"[^a-c]", "b", false},
		{"[]x]", "]", true},
		{"[a-]", "-", true},
		{"[a", "[a", true},
		{"[a", "a", false},
		{`\*`, "*", true},
		{`\*`, "x", false},
		{`a\`, `a\`, true},
	}
	for _, c := range cases {
		if got := match(c.pattern, c.name); got != c.want {
			t.Errorf("match(%q, %q) = %v", c.pattern, c.name, got)
		}
	}
}

func draw(random *rand.Rand, elements []string, most int) string {
	var out strings.Builder
	for n := random.Intn(most + 1); n > 0; n-- {
		out.WriteString(elements[random.Intn(len(elements))])
	}
	return out.String()
}

// Without `/` and `\` a path.Match pattern means what an fnmatch one means.
func TestMatchAgreesWithPathMatch(t *testing.T) {
	random := rand.New(rand.NewSource(1))
	patterns := []string{"a", "b", "c", "*", "?", "[ab]", "[a-b]", "[^a]"}
	matches := 0
	for i := 0; i < 50000; i++ {
		pattern := draw(random, patterns, 8)
		name := draw(random, []string{"a", "b", "c"}, 8)
		want, err := path.Match(pattern, name)
		if err != nil {
			t.Fatal(err)
		}
		if want {
			matches++
		}
		if got := match(pattern, name); got != want {
			t.Fatalf("match(%q, %q) = %v", pattern, name, got)
		}
	}
	if matches < 1000 {
		t.Errorf("only %d pairs matched: the test proves little", matches)
	}
}

// A lookup through the buckets finds what trying every pattern finds.
func TestLookupAgreesWithScan(t *testing.T) {
	random := rand.New(rand.NewSource(2))
	parts := []string{"pci:v0000", "8086", "1AF4", "d", "*", "?", "[0-9]", "-", "_"}
	var text strings.Builder
	var patterns []string
	for i := 0; i < 400; i++ {
		pattern := "x" + draw(random, parts, 6)
		patterns = append(patterns, pattern)
		text.WriteString("alias " + pattern + " m-" + strconv.Itoa(i) + "\n")
	}
	table := parseAliases(text.String())
	found := 0
	for i := 0; i < 2000; i++ {
		name := "x" + draw(random, []string{"pci:v0000", "8086", "1AF4", "d", "7", "-", "_"}, 6)
		var want []string
		for number, pattern := range patterns {
			if match(unifyDashes(pattern), unifyDashes(name)) {
				want = append(want, "m_"+strconv.Itoa(number))
			}
		}
		got := table.lookup(name)
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("lookup(%q) = %q, want %q", name, got, want)
		}
		found += len(got)
	}
	if found < 1000 {
		t.Errorf("only %d found: the test proves little", found)
	}
}

func TestDashes(t *testing.T) {
	table := parseAliases("alias of:N*T*Cvirtio,mmio-x virtio-mmio\nalias usb:d[0-2] a\nalias fs-ext4 ext4\nalias fs-ext4 ext4\n")
	for name, want := range map[string]string{
		"of:Na-bT(null)Cvirtio,mmio_x": "virtio_mmio", "usb:d1": "a", "fs_ext4": "ext4", "fs-ext4": "ext4",
	} {
		if got := table.lookup(name); !reflect.DeepEqual(got, []string{want}) {
			t.Errorf("lookup(%q) = %q", name, got)
		}
	}
	if got := table.lookup("usb:d_"); got != nil {
		t.Errorf("a dash of a range matched: %q", got)
	}
}
