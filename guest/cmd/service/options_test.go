package main

import (
	"errors"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

func TestParseOptions(t *testing.T) {
	for line, want := range map[string]globalOptions{
		"":                              {logger{level: infoLevel}, defaultNamespace},
		"-q start x":                    {logger{level: errorLevel}, defaultNamespace},
		"--v stop x":                    {logger{level: debugLevel, structured: true}, defaultNamespace},
		"-containerd-namespace=other x": {logger{level: infoLevel}, "other"},
		"--containerd-namespace other":  {logger{level: infoLevel}, "other"},
	} {
		got, _, err := parseOptions(strings.Fields(line))
		got.log.out = nil
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %+v %v", line, got, err)
		}
	}
	_, rest, err := parseOptions([]string{"-q", "start", "-sock", "s", "x"})
	if err != nil || strings.Join(rest, " ") != "start -sock s x" {
		t.Errorf("%q %v", rest, err)
	}
}

func TestWrongCalls(t *testing.T) {
	for _, line := range []string{
		"/usr/bin/service",
		"service -q -v start x",
		"service -unknown",
		"service help",
		"service start",
		"service start a b",
		"service stop -dump-spec file x",
		"service system-init x",
		"service start -sock /nowhere/socket x",
	} {
		if status := dispatch(strings.Fields(line)); status != 1 {
			t.Errorf("%s: status %d", line, status)
		}
	}
}

func TestCalledByName(t *testing.T) {
	if isDirectory("/containers") {
		t.Skip("this machine is a LinuxKit image")
	}
	// Without anything to do they differ in their status.
	for name, want := range map[string]int{
		"/etc/init.d/005-volumes": 1, "/etc/init.d/010-onboot": 0, "/etc/shutdown.d/010-onshutdown": 0,
	} {
		if status := dispatch([]string{name}); status != want {
			t.Errorf("%s: status %d", name, status)
		}
	}
}

func TestLogger(t *testing.T) {
	var text strings.Builder
	plain := logger{out: &text, level: infoLevel}
	plain.info("Using cgroup v%d", 2)
	plain.debug("hidden")
	plain.problem("failed to create task", errors.New(`no "x"`), "web")
	logger{out: &text, level: errorLevel}.info("hidden")
	verbose := logger{out: &text, level: debugLevel, structured: true}
	verbose.info("two words")
	verbose.debug("word")
	got := regexp.MustCompile(`time="\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)"`).ReplaceAllString(text.String(), "TIME")
	want := `Using cgroup v2
TIME level=error msg="failed to create task" error="no \"x\"" service=web
TIME level=info msg="two words"
TIME level=debug msg=word
`
	if got != want {
		t.Errorf("%s", got)
	}
}
