package tool

import (
	"strings"
	"testing"
)

func TestFeed(t *testing.T) {
	output, err := Feed("in", "sh", "-c", "cat; echo aside >&2")
	if output != "in" || Status(err) != 0 {
		t.Errorf("%q, %v", output, err)
	}
}

func TestFailure(t *testing.T) {
	for script, said := range map[string]string{
		"echo out; echo why >&2; exit 3": "exit status 3: why",
		"echo out; exit 3":               "exit status 3: out",
		"exit 3":                         "exit status 3",
	} {
		_, err := Run("sh", "-c", script)
		if Status(err) != 3 || err == nil || !strings.HasSuffix(err.Error(), said) {
			t.Errorf("%s: %v", script, err)
		}
	}
	if _, err := Run("no such program"); Status(err) != -1 {
		t.Errorf("%v", err)
	}
}
