package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"linuxkit/guest/internal/netlink"
)

// enterNetwork puts the test's thread into a new network namespace, with which it
// ends.
func enterNetwork(t *testing.T) *netlink.Socket {
	t.Helper()
	runtime.LockOSThread()
	if err := syscall.Unshare(syscall.CLONE_NEWNET); err != nil {
		t.Skipf("no new network namespace here: %v", err)
	}
	socket, err := netlink.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { socket.Close() })
	return socket
}

func ip(t *testing.T, arguments ...string) string {
	t.Helper()
	output, err := exec.Command("ip", arguments...).CombinedOutput()
	if err != nil {
		t.Fatalf("ip %v: %v\n%s", arguments, err, output)
	}
	return string(output)
}

func TestConfigureNetwork(t *testing.T) {
	socket := enterNetwork(t)
	if err := socket.CreateVeth("eth0", "eth1"); err != nil {
		t.Skipf("no veth here: %v", err)
	}
	if err := socket.Create("other0", "bridge"); err != nil {
		t.Skipf("no bridge here: %v", err)
	}
	link, err := net.InterfaceByName("eth0")
	if err != nil {
		t.Fatal(err)
	}
	address := netip.MustParsePrefix("192.168.7.7/24")
	if err := socket.AddAddress(int32(link.Index), address); err != nil {
		t.Fatal(err)
	}
	if err := socket.SetUp(int32(link.Index), true); err != nil {
		t.Fatal(err)
	}
	var network machineNetwork
	text := fmt.Sprintf(`{
		"bonding": {"mode": 4},
		"interfaces": [{"name": "enp1s0f0", "mac": %q}, {"name": "enp1s0f1", "mac": "02:00:00:00:00:99"}],
		"addresses": [
			{"address": "192.0.2.3", "cidr": 31, "gateway": "192.0.2.2", "public": true, "address_family": 4},
			{"address": "2001:db8::3", "cidr": 127, "gateway": "2001:db8::2", "public": true, "address_family": 6},
			{"address": "10.1.2.3", "cidr": 31, "gateway": "10.1.2.2", "public": false, "address_family": 4},
			{"address": "10.9.9.9", "cidr": 99, "gateway": "10.1.2.2"},
			{"address": "", "cidr": 31, "gateway": ""}
		]
	}`, strings.ToUpper(link.HardwareAddr.String()))
	if err := json.Unmarshal([]byte(text), &network); err != nil {
		t.Fatal(err)
	}
	// Few kernels that tests run on have bonding; a bridge takes ports, too.
	sysfs := t.TempDir()
	os.MkdirAll(sysfs+"/bond0/bonding", 0o755)
	log := &strings.Builder{}
	if err := configureNetwork(network, bond{"bridge", sysfs}, logger{out: log}); err != nil {
		t.Fatal(err)
	}
	if mode, err := os.ReadFile(sysfs + "/bond0/bonding/mode"); string(mode) != "4" {
		t.Errorf("%q %v", mode, err)
	}
	if lines := strings.Count(log.String(), "\n"); lines != 2 {
		t.Errorf("%s", log)
	}
	if links := ip(t, "-o", "link"); !strings.Contains(links, "enp1s0f0@") || !strings.Contains(links, "master bond0") || strings.Contains(links, "eth0:") {
		t.Errorf("%s", links)
	}
	addresses := ip(t, "-o", "address")
	for _, want := range []string{"bond0    inet 192.0.2.3/31", "bond0    inet6 2001:db8::3/127", "bond0    inet 10.1.2.3/31"} {
		if !strings.Contains(addresses, want) {
			t.Errorf("%s is not among\n%s", want, addresses)
		}
	}
	if strings.Contains(addresses, "192.168.7.7") {
		t.Errorf("%s", addresses)
	}
	routes := ip(t, "-4", "route") + ip(t, "-6", "route")
	for _, want := range []string{"default via 192.0.2.2 dev bond0", "10.0.0.0/8 via 10.1.2.2 dev bond0", "default via 2001:db8::2 dev bond0"} {
		if !strings.Contains(routes, want) {
			t.Errorf("%s is not among\n%s", want, routes)
		}
	}
}
