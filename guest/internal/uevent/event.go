// Package uevent tells which devices the kernel has, and which it finds later.
// See Documentation/ABI/testing/sysfs-uevent and lib/kobject_uevent.c.
package uevent

import "strings"

// Event is what the kernel says about one device.
type Event struct {
	Action   string // add, remove, change, bind, ...
	Modalias string // names the device to modules.alias; often empty
}

// parse reads a message of the kernel: `ACTION@PATH`, then NAME=VALUE pairs,
// each ended by a zero byte. Anything else, such as what udevd sends on its own
// multicast group, is not valid.
func parse(message []byte) (event Event, valid bool) {
	header, variables, _ := strings.Cut(string(message), "\x00")
	action, path, found := strings.Cut(header, "@")
	if !found || action == "" || !strings.HasPrefix(path, "/") {
		return Event{}, false
	}
	return Event{action, variable(variables, "MODALIAS", "\x00")}, true
}

// variable returns the value of name in a list of NAME=VALUE.
func variable(list, name, separator string) string {
	for list != "" {
		var pair string
		pair, list, _ = strings.Cut(list, separator)
		if key, value, found := strings.Cut(pair, "="); found && key == name {
			return value
		}
	}
	return ""
}
