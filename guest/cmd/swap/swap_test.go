package main

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

func TestParseOptions(t *testing.T) {
	got, err := parseOptions(strings.Fields("--path /var/external/swap --size 1G --encrypt --condition part:/var/external:true --condition partsize:/var/external:2G"))
	want := options{path: "/var/external/swap", size: 1 << 30, encrypt: true, conditions: []condition{
		{path: "/var/external", required: true}, {path: "/var/external", size: 2 << 30},
	}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	for words, want := range map[string]string{
		"":                               "--path is required",
		"--path /var/swap":               "--size is required",
		"--path /swap --size 1M":         "below /var/",
		"--path /var/../swap --size 1M":  "below /var/",
		"--path /var/swap --size 1T":     "not a size",
		"--path /var/swap --size 1M x":   "unknown option x",
		"--path /var/swap --quick":       "flag provided but not defined",
		"--condition size:/var:1":        "unknown condition size",
		"--condition part:":              "cannot parse condition",
		"--condition partsize:/var":      "cannot parse condition",
		"--condition partsize:/var:true": "not a size",
	} {
		if _, err := parseOptions(strings.Fields(words)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", words, err)
		}
	}
}

func TestParseSize(t *testing.T) {
	for text, want := range map[string]int64{"1": 1, "10K": 10240, "512M": 512 << 20, "8G": 8 << 30} {
		if got, err := parseSize(text); err != nil || got != want {
			t.Errorf("%s: %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "G", "0", "-1M", "1.5G", "9999999999G", "1g"} {
		if size, err := parseSize(text); err == nil {
			t.Errorf("%q: %d", text, size)
		}
	}
}

type pretended map[string]int64

func (pretended pretended) isMounted(path string) (bool, error) {
	_, mounted := pretended[path]
	return mounted, nil
}

func (pretended pretended) capacity(path string) (int64, error) {
	if size, mounted := pretended[path]; mounted {
		return size, nil
	}
	return 0, errors.New("no such path")
}

func TestCheck(t *testing.T) {
	machine := pretended{"/var/a": 1000}
	for want, conditions := range map[bool][]condition{
		true:  {{path: "/var/a"}, {path: "/var/a", size: 1000}},
		false: {{path: "/var"}, {path: "/var/a", size: 1001}, {path: "/var/b", size: 1}},
	} {
		for _, condition := range conditions {
			if reason := condition.check(machine); (reason == "") != want {
				t.Errorf("%+v: %q", condition, reason)
			}
		}
	}
}

func TestSystem(t *testing.T) {
	if mounted, err := (system{}).isMounted("/proc"); !mounted {
		t.Errorf("/proc is not mounted, %v", err)
	}
	if mounted, err := (system{}).isMounted("/pro"); mounted || err != nil {
		t.Errorf("/pro is mounted, %v", err)
	}
	if size, err := (system{}).capacity(t.TempDir()); size <= 0 {
		t.Errorf("%d, %v", size, err)
	}
}
