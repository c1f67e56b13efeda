package netlink

import (
	"fmt"
	"net/netip"
	"syscall"
)

// AddAddress gives a link an address; the prefix is that of its network.
func (s *Socket) AddAddress(index int32, address netip.Prefix) error {
	if err := s.changeAddress(syscall.RTM_NEWADDR, syscall.NLM_F_CREATE|syscall.NLM_F_EXCL, index, address); err != nil {
		return fmt.Errorf("add address %s: %w", address, err)
	}
	return nil
}

// DeleteAddress takes an address, with the prefix it was added with, away.
func (s *Socket) DeleteAddress(index int32, address netip.Prefix) error {
	if err := s.changeAddress(syscall.RTM_DELADDR, 0, index, address); err != nil {
		return fmt.Errorf("delete address %s: %w", address, err)
	}
	return nil
}

func (s *Socket) changeAddress(kind, flags uint16, index int32, address netip.Prefix) error {
	bytes := address.Addr().AsSlice()
	_, err := s.request(kind, flags, concat(
		addressHeader(family(address.Addr()), index, byte(address.Bits()), syscall.RT_SCOPE_UNIVERSE),
		attribute(syscall.IFA_LOCAL, bytes),
		attribute(syscall.IFA_ADDRESS, bytes),
	))
	return err
}

// AddRoute makes a link the way to destination, through a gateway that the link
// reaches.
func (s *Socket) AddRoute(index int32, destination netip.Prefix, gateway netip.Addr) error {
	payload := routeHeader(family(gateway), byte(destination.Bits()))
	if destination.Bits() > 0 {
		payload = concat(payload, attribute(syscall.RTA_DST, destination.Masked().Addr().AsSlice()))
	}
	payload = concat(
		payload,
		attribute(syscall.RTA_GATEWAY, gateway.AsSlice()),
		uint32Attribute(syscall.RTA_OIF, uint32(index)),
	)
	if _, err := s.request(syscall.RTM_NEWROUTE, syscall.NLM_F_CREATE|syscall.NLM_F_EXCL, payload); err != nil {
		return fmt.Errorf("add route to %s via %s: %w", destination, gateway, err)
	}
	return nil
}

func family(address netip.Addr) byte {
	if address.Is4() {
		return syscall.AF_INET
	}
	return syscall.AF_INET6
}
