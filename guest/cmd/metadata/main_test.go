package main

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// newStore returns a store in an empty directory, and its log.
func newStore(t *testing.T) (store, *strings.Builder) {
	t.Helper()
	log := &strings.Builder{}
	return store{filepath.Join(t.TempDir(), "config"), logger{out: log}}, log
}

// tree returns what is below a directory: files with mode and content, directories
// with mode.
func tree(t *testing.T, directory string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.Walk(directory, func(path string, info os.FileInfo, err error) error {
		if err != nil || path == directory {
			return err
		}
		name, text := strings.TrimPrefix(path, directory+"/"), info.Mode().String()
		if !info.IsDir() {
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			text += " " + string(content)
		}
		found[name] = text
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func expectTree(t *testing.T, directory string, want map[string]string) {
	t.Helper()
	got := tree(t, directory)
	for name, text := range want {
		if got[name] != text {
			t.Errorf("%s: %q, want %q", name, got[name], text)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// fake is a provider of a test.
type fake struct {
	name     string
	absent   bool
	hostname string
	userdata string
	err      error
	probed   *bool
}

func (f fake) String() string { return f.name }

func (f fake) probe() error {
	if f.probed != nil {
		*f.probed = true
	}
	if f.absent {
		return errors.New("not here")
	}
	return nil
}

func (f fake) extract(files store) ([]byte, error) {
	if f.hostname != "" {
		files.write("hostname", f.hostname, 0o644)
	}
	return []byte(f.userdata), f.err
}

func TestRun(t *testing.T) {
	files, log := newStore(t)
	var probed bool
	name := ""
	err := run(candidates{
		network: []provider{fake{name: "first", absent: true}, fake{name: "second", hostname: "box", userdata: "#!/bin/sh\n"}, fake{name: "third"}},
		local:   []provider{fake{name: "disk", probed: &probed}},
	}, files, func(text string) error { name = text; return nil }, files.log)
	if err != nil || name != "box" || probed {
		t.Errorf("%v %q %v", err, name, probed)
	}
	expectTree(t, files.directory, map[string]string{
		"provider": "-rw-r--r-- second", "hostname": "-rw-r--r-- box", "userdata": "-rw-r--r-- #!/bin/sh\n",
	})
	lines := strings.Split(log.String(), "\n")
	if lines[0] != "second: Probe succeeded" || lines[len(lines)-2] != "Set hostname to: box" {
		t.Errorf("%q", lines)
	}
}

func TestRunWithUserDataThatNamesTheHost(t *testing.T) {
	files, log := newStore(t)
	name := ""
	userdata := `{"hostname": {"content": "mine\n"}}`
	providers := candidates{local: []provider{fake{name: "no", absent: true}, fake{name: "disk", hostname: "box", userdata: userdata, err: errors.New("half")}}}
	if err := run(providers, files, func(text string) error { name = text; return errors.New("not allowed") }, files.log); err != nil {
		t.Error(err)
	}
	if name != "mine" {
		t.Errorf("%q", name)
	}
	want := "Trying no\nTrying disk\ndisk: Probe succeeded\nError during metadata probe: half\nCannot set hostname to \"mine\": not allowed\n"
	if log.String() != want {
		t.Errorf("%q", log.String())
	}
}

func TestRunWithNobodyThere(t *testing.T) {
	files, log := newStore(t)
	files.log.verbose = true
	providers := candidates{network: []provider{fake{name: "cloud", absent: true}}}
	if err := run(providers, files, func(string) error { t.Error("named"); return nil }, files.log); err != nil {
		t.Error(err)
	}
	if want := "cloud: not here\nNo metadata/userdata found. Bye\n"; log.String() != want {
		t.Errorf("%q", log.String())
	}
	expectTree(t, files.directory, map[string]string{})
}

func TestRunWithoutAHostname(t *testing.T) {
	for _, hostname := range []string{"", "\n"} {
		files, _ := newStore(t)
		err := run(candidates{local: []provider{fake{name: "disk", hostname: hostname}}}, files, func(string) error { t.Error("named"); return nil }, files.log)
		if err != nil {
			t.Error(err)
		}
	}
}

func TestSelectProviders(t *testing.T) {
	names := func(list []provider) (names []string) {
		for _, one := range list {
			names = append(names, one.String())
		}
		return names
	}
	got, err := selectProviders([]string{"file=/a", "vmware", "gcp", "scaleway", "file=b=c", "aws", "equinixmetal"}, newClient())
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"GCP", "Scaleway", "AWS", "EquinixMetal"}; !reflect.DeepEqual(names(got.network), want) {
		t.Errorf("%q", names(got.network))
	}
	if want := []string{"VMWARE", "/a", "b=c"}; !reflect.DeepEqual(names(got.local), want) {
		t.Errorf("%q", names(got.local))
	}
	all, err := selectProviders(defaultProviders, newClient())
	want := []string{"AWS", "GCP", "Hetzner", "openstack", "Scaleway", "Vultr", "DigitalOcean", "EquinixMetal", "metaldata"}
	if err != nil || !reflect.DeepEqual(names(all.network), want) {
		t.Errorf("%v %q", err, names(all.network))
	}
	for _, name := range []string{"amazon", "", "AWS", "file"} {
		if _, err := selectProviders([]string{name}, newClient()); err == nil {
			t.Errorf("%q", name)
		}
	}
}

func TestFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data")
	if err := file(path).probe(); err == nil {
		t.Error("it is not there")
	}
	os.WriteFile(path, []byte("text"), 0o644)
	if err := file(path).probe(); err != nil {
		t.Error(err)
	}
	if userdata, err := file(path).extract(store{}); string(userdata) != "text" || err != nil {
		t.Errorf("%q %v", userdata, err)
	}
}
