package netlink

import (
	"fmt"
	"syscall"
)

// Index returns the number of the link called name. A missing link is an error
// that wraps syscall.ENODEV.
func (s *Socket) Index(name string) (int32, error) {
	query := concat(linkHeader(0, 0, 0), stringAttribute(syscall.IFLA_IFNAME, name))
	answers, err := s.request(syscall.RTM_GETLINK, 0, query)
	if err != nil {
		return 0, fmt.Errorf("link %s: %w", name, err)
	}
	if len(answers) == 0 || len(answers[0]) < syscall.SizeofIfInfomsg {
		return 0, fmt.Errorf("link %s: %w", name, syscall.EBADMSG)
	}
	return int32(native.Uint32(answers[0][4:])), nil
}

// Create makes a link of the given kind ("dummy", "bridge", "wireguard", ...).
// The kernel loads the kind's module (rtnl-link-KIND) when it needs one.
func (s *Socket) Create(name, kind string) error {
	return s.create(name, kind, nil)
}

// CreateVeth makes a pair of connected Ethernet links, see veth(4).
func (s *Socket) CreateVeth(name, peer string) error {
	other := concat(linkHeader(0, 0, 0), stringAttribute(syscall.IFLA_IFNAME, peer))
	return s.create(name, "veth", attribute(infoData, attribute(vethInfoPeer, other)))
}

func (s *Socket) create(name, kind string, data []byte) error {
	information := concat(attribute(infoKind, []byte(kind)), data)
	payload := concat(
		linkHeader(0, 0, 0),
		stringAttribute(syscall.IFLA_IFNAME, name),
		attribute(syscall.IFLA_LINKINFO, information),
	)
	_, err := s.request(syscall.RTM_NEWLINK, syscall.NLM_F_CREATE|syscall.NLM_F_EXCL, payload)
	if err != nil {
		return fmt.Errorf("create link %s of type %s: %w", name, kind, err)
	}
	return nil
}

// MoveTo moves the link called name into the network namespace of process pid.
func (s *Socket) MoveTo(name string, pid int) error {
	index, err := s.Index(name)
	if err != nil {
		return err
	}
	payload := concat(linkHeader(index, 0, 0), uint32Attribute(syscall.IFLA_NET_NS_PID, uint32(pid)))
	if _, err := s.request(syscall.RTM_NEWLINK, 0, payload); err != nil {
		return fmt.Errorf("move link %s to process %d: %w", name, pid, err)
	}
	return nil
}

// SetUp switches a link on or off.
func (s *Socket) SetUp(index int32, up bool) error {
	flags, direction := uint32(0), "off"
	if up {
		flags, direction = syscall.IFF_UP, "on"
	}
	if _, err := s.request(syscall.RTM_NEWLINK, 0, linkHeader(index, flags, syscall.IFF_UP)); err != nil {
		return fmt.Errorf("switch link %d %s: %w", index, direction, err)
	}
	return nil
}

// Rename gives a link that is switched off another name.
func (s *Socket) Rename(index int32, name string) error {
	payload := concat(linkHeader(index, 0, 0), stringAttribute(syscall.IFLA_IFNAME, name))
	if _, err := s.request(syscall.RTM_NEWLINK, 0, payload); err != nil {
		return fmt.Errorf("rename link %d to %s: %w", index, name, err)
	}
	return nil
}

// SetMaster makes a link part of another: a port of a bridge, or of a bond, which
// wants it switched off.
func (s *Socket) SetMaster(index, master int32) error {
	payload := concat(linkHeader(index, 0, 0), uint32Attribute(syscall.IFLA_MASTER, uint32(master)))
	if _, err := s.request(syscall.RTM_NEWLINK, 0, payload); err != nil {
		return fmt.Errorf("make link %d part of link %d: %w", index, master, err)
	}
	return nil
}

// ConfigureLoopback gives lo the address 127.0.0.1/8 and switches it on. An
// address that is already there is fine.
func ConfigureLoopback() error {
	socket, err := Open()
	if err != nil {
		return err
	}
	defer socket.Close()
	index, err := socket.Index("lo")
	if err != nil {
		return err
	}
	address := []byte{127, 0, 0, 1}
	payload := concat(
		addressHeader(syscall.AF_INET, index, 8, syscall.RT_SCOPE_HOST),
		attribute(syscall.IFA_LOCAL, address),
		attribute(syscall.IFA_ADDRESS, address),
	)
	_, err = socket.request(syscall.RTM_NEWADDR, syscall.NLM_F_CREATE|syscall.NLM_F_EXCL, payload)
	if err != nil && err != syscall.EEXIST {
		return fmt.Errorf("address of lo: %w", err)
	}
	return socket.SetUp(index, true)
}
