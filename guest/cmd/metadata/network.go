package main

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"linuxkit/guest/internal/netlink"
)

const bondName = "bond0"

// bond is how bond0 is made.
type bond struct {
	kind  string // of the link
	sysfs string // directory with the links' settings
}

// configureNetwork joins the machine's interfaces to bond0 and gives that the
// machine's addresses. It ends at the first thing that the network cannot be
// without; single addresses are only missing.
func configureNetwork(network machineNetwork, bond bond, log logger) error {
	socket, err := netlink.Open()
	if err != nil {
		return err
	}
	defer socket.Close()
	ports, err := takeInterfaces(socket, network)
	if err != nil {
		return err
	}
	if err := socket.Create(bondName, bond.kind); err != nil {
		// Loading the module has made one already, perhaps.
		log.detail("%v", err)
	}
	master, err := socket.Index(bondName)
	if err != nil {
		return err
	}
	mode := filepath.Join(bond.sysfs, bondName, "bonding/mode")
	if err := os.WriteFile(mode, []byte(strconv.Itoa(network.Bonding.Mode)), 0o644); err != nil {
		return err
	}
	if err := socket.SetUp(master, true); err != nil {
		return err
	}
	for _, port := range ports {
		if err := socket.SetMaster(port, master); err != nil {
			return err
		}
	}
	for _, address := range network.Addresses {
		if err := addAddress(socket, master, address); err != nil {
			log.say("%v", err)
		}
	}
	return nil
}

// takeInterfaces finds the interfaces by their hardware addresses, takes their
// addresses from them, switches them off and names them as the platform does.
func takeInterfaces(socket *netlink.Socket, network machineNetwork) (indices []int32, err error) {
	links, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	for _, one := range network.Interfaces {
		for _, link := range links {
			if link.HardwareAddr.String() != strings.ToLower(one.MAC) {
				continue
			}
			index := int32(link.Index)
			if err := takeInterface(socket, link, one.Name); err != nil {
				return nil, fmt.Errorf("interface %s: %w", link.Name, err)
			}
			indices = append(indices, index)
		}
	}
	return indices, nil
}

func takeInterface(socket *netlink.Socket, link net.Interface, name string) error {
	addresses, err := link.Addrs()
	if err != nil {
		return err
	}
	index := int32(link.Index)
	for _, address := range addresses {
		prefix, err := netip.ParsePrefix(address.String())
		if err != nil {
			return err
		}
		if err := socket.DeleteAddress(index, prefix); err != nil {
			return err
		}
	}
	if err := socket.SetUp(index, false); err != nil {
		return err
	}
	if link.Name == name {
		return nil
	}
	return socket.Rename(index, name)
}

// addAddress gives a link an address and the way through its gateway: to
// everywhere from a public address, to its own network from a private one.
func addAddress(socket *netlink.Socket, index int32, address machineAddress) error {
	prefix := netip.PrefixFrom(address.Address, address.Bits)
	if !prefix.IsValid() || !address.Gateway.IsValid() {
		return fmt.Errorf("neither %v/%d nor its gateway %v may be missing", address.Address, address.Bits, address.Gateway)
	}
	if err := socket.AddAddress(index, prefix); err != nil {
		return err
	}
	destination, ok := destinationOf(address)
	if !ok {
		return nil
	}
	return socket.AddRoute(index, destination, address.Gateway)
}

// destinationOf returns the network that an address is for; private ones of IPv6
// need no other than their own.
func destinationOf(address machineAddress) (netip.Prefix, bool) {
	switch ip := address.Address; {
	case address.Public && ip.Is4():
		return netip.PrefixFrom(netip.IPv4Unspecified(), 0), true
	case address.Public:
		return netip.PrefixFrom(netip.IPv6Unspecified(), 0), true
	case ip.Is4():
		bits, _ := net.IP(ip.AsSlice()).DefaultMask().Size() // RFC 791's class
		return netip.PrefixFrom(ip, bits).Masked(), true
	}
	return netip.Prefix{}, false
}
