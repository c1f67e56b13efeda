// Command metadata asks the platform, or a medium, what it knows about this
// machine, and keeps the answers in files.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
)

const outputDirectory = "/run/config"

func main() {
	verbose := flag.Bool("v", false, "say why a provider is not the one")
	flag.Usage = func() {
		fmt.Fprintf(os.Stderr, "Usage: %s [-v] [PROVIDER...]\n", os.Args[0])
		flag.PrintDefaults()
		fmt.Fprintln(os.Stderr, "Providers:", strings.Join(defaultProviders, " "), "file=PATH")
	}
	flag.Parse()
	log := logger{out: os.Stderr, verbose: *verbose}
	names := flag.Args()
	if len(names) == 0 {
		names = defaultProviders
	}
	providers, err := selectProviders(names, newClient())
	if err == nil {
		err = run(providers, store{outputDirectory, log}, setHostname, log)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "metadata:", err)
		os.Exit(1)
	}
}

// run takes what the first provider that is there has. Single files that cannot
// be had are only missing.
func run(providers candidates, files store, setHostname func(string) error, log logger) error {
	if err := os.MkdirAll(files.directory, 0o755); err != nil {
		return err
	}
	found := providers.probe(log)
	if found == nil {
		log.say("No metadata/userdata found. Bye")
		return nil
	}
	userdata, err := found.extract(files)
	if err != nil {
		log.say("Error during metadata probe: %v", err)
	}
	files.write("provider", found.String(), 0o644)
	if len(userdata) > 0 {
		files.write("userdata", string(userdata), 0o644)
		files.expand(userdata)
	}
	// The user data may have brought another name.
	text, _ := os.ReadFile(files.path("hostname"))
	name := strings.TrimSpace(string(text))
	if name == "" {
		return nil
	}
	if err := setHostname(name); err != nil {
		log.say("Cannot set hostname to %q: %v", name, err)
		return nil
	}
	log.say("Set hostname to: %s", name)
	return nil
}

func setHostname(name string) error {
	return os.NewSyscallError("sethostname", syscall.Sethostname([]byte(name)))
}

type logger struct {
	out     io.Writer
	verbose bool
}

func (l logger) say(format string, arguments ...any) {
	fmt.Fprintf(l.out, format+"\n", arguments...)
}

func (l logger) detail(format string, arguments ...any) {
	if l.verbose {
		l.say(format, arguments...)
	}
}
