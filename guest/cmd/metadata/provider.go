package main

import (
	"fmt"
	"strings"
)

// provider is a platform, or a medium, that may know something about this machine.
type provider interface {
	// String is its name, as in the file "provider".
	String() string
	// probe tells whether it is there; the error says why not.
	probe() error
	// extract writes what it knows and returns the user data, if any. It goes on
	// after an error as far as it can.
	extract(files store) (userdata []byte, err error)
}

// defaultProviders is the order in which providers are asked. That aws comes
// first means that a platform which imitates it counts as AWS, unless named.
var defaultProviders = []string{
	"aws", "gcp", "hetzner", "openstack", "scaleway", "vultr", "digitalocean", "equinixmetal", "metaldata", "vmware", "cdrom",
}

// candidates are providers in the order in which they count.
type candidates struct {
	network []provider // web services
	local   []provider // media and files
}

// selectProviders returns the providers with these names: media come before files,
// in other respects the order of the names stays.
func selectProviders(names []string, client *client) (candidates, error) {
	var network, media, files []provider
	for _, name := range names {
		switch path := strings.TrimPrefix(name, "file="); {
		case clouds[name].name != "":
			network = append(network, cloudProvider{clouds[name], client})
		case name == "scaleway":
			network = append(network, newScaleway(client))
		case name == "equinixmetal":
			network = append(network, newEquinixMetal(client))
		case name == "vmware":
			media = append(media, newVMware())
		case name == "cdrom":
			media = append(media, cdroms("/sys/class/block", "/dev")...)
		case path != name:
			files = append(files, file(path))
		default:
			return candidates{}, fmt.Errorf("unrecognised metadata provider: %s", name)
		}
	}
	return candidates{network, append(media, files...)}, nil
}

// probe returns the first provider that is there, or nil. The network's are asked
// all at once: where there is none, it takes seconds to find out.
func (c candidates) probe(log logger) provider {
	answers := make([]chan error, len(c.network))
	for number, candidate := range c.network {
		answer, probe := make(chan error, 1), candidate.probe
		answers[number] = answer
		go func() { answer <- probe() }()
	}
	for number, candidate := range c.network {
		if succeeded(candidate, <-answers[number], log) {
			return candidate
		}
	}
	for _, candidate := range c.local {
		log.say("Trying %s", candidate)
		if succeeded(candidate, candidate.probe(), log) {
			return candidate
		}
	}
	return nil
}

func succeeded(candidate provider, err error, log logger) bool {
	if err != nil {
		log.detail("%s: %v", candidate, err)
		return false
	}
	log.say("%s: Probe succeeded", candidate)
	return true
}
