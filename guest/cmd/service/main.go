// Command service starts everything in a booted image: volumes, the one-shot
// containers of boot and shutdown, containerd and the services. What it does
// follows from the name it was called by, or from its arguments.
package main

import (
	"os"
	"strings"
)

const (
	volumesDirectory    = "/containers/volumes"
	onbootDirectory     = "/containers/onboot"
	onshutdownDirectory = "/containers/onshutdown"
)

func main() {
	os.Exit(dispatch(os.Args))
}

// dispatch runs the program with its arguments, the name first, and returns
// its exit status.
func dispatch(arguments []string) int {
	options, rest, err := parseOptions(arguments[1:])
	if err != nil {
		return refuse(err)
	}
	if len(rest) > 0 {
		return runCommand(options, rest)
	}
	switch name := arguments[0]; {
	case strings.Contains(name, "volumes"):
		return mountVolumes(volumesDirectory, options.log)
	case strings.Contains(name, "onboot"):
		return runOneShots("onboot", onbootDirectory, options.log)
	case strings.Contains(name, "onshutdown"):
		return runOneShots("shutdown", onshutdownDirectory, options.log)
	case strings.Contains(name, "containerd"):
		return runCommand(options, []string{"system-init"})
	}
	return refuse(nil)
}
