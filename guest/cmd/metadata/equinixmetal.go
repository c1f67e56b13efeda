package main

import (
	"encoding/json"
	"net/http"
	"net/netip"
	"strings"
)

// equinixMetal describes the machine, and how its network must be set up, in one
// JSON document; see deploy.equinix.com/developers/docs/metal/server-metadata/metadata.
type equinixMetal struct {
	client *client
	base   string
}

func newEquinixMetal(client *client) equinixMetal {
	return equinixMetal{client, "https://metadata.packet.net/"}
}

// machine is what this program needs of the description.
type machine struct {
	Hostname string         `json:"hostname"`
	Keys     []string       `json:"ssh_keys"`
	Network  machineNetwork `json:"network"`
}

type machineNetwork struct {
	Bonding    struct{ Mode int } `json:"bonding"`
	Interfaces []struct {
		Name string `json:"name"`
		MAC  string `json:"mac"`
	} `json:"interfaces"`
	Addresses []machineAddress `json:"addresses"`
}

type machineAddress struct {
	Address netip.Addr `json:"address"`
	Bits    int        `json:"cidr"`
	Gateway netip.Addr `json:"gateway"`
	Public  bool       `json:"public"`
}

func (equinixMetal) String() string { return "EquinixMetal" }

func (e equinixMetal) probe() error {
	_, err := e.describe()
	return err
}

func (e equinixMetal) describe() (machine, error) {
	var description machine
	text, err := ask(e.client.http, http.MethodGet, e.base+"metadata", nil)
	if err == nil {
		err = json.Unmarshal([]byte(text), &description)
	}
	return description, err
}

func (e equinixMetal) extract(files store) ([]byte, error) {
	description, err := e.describe()
	if err != nil {
		return nil, err
	}
	files.write("hostname", description.Hostname, 0o644)
	if len(description.Keys) > 0 {
		files.writeKeys(strings.Join(description.Keys, "\n"))
	}
	if err := configureNetwork(description.Network, bond{"bond", "/sys/class/net"}, files.log); err != nil {
		files.log.say("%s: network: %v", e, err)
	}
	userdata, err := ask(e.client.http, http.MethodGet, e.base+"userdata", nil)
	// What iPXE started the machine with is no user data.
	if err != nil || strings.HasPrefix(userdata, "#!ipxe") {
		return nil, err
	}
	return []byte(userdata), nil
}
