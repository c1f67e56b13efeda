// Package vmware talks to the hypervisor of VMware through its "backdoor", an I/O
// port that programs may read. The protocol is that of the kernel's
// drivers/gpu/drm/vmwgfx/vmwgfx_msg.c and of open-vm-tools' lib/message.
package vmware

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

// registers are those that a call passes and returns, in the order that
// backdoor_amd64.s relies on.
type registers struct {
	eax, ebx, ecx, edx, esi, edi uint32
}

const (
	magic          = 0x564D5868 // in eax: "VMXh"
	port           = 0x5658     // in the lower half of edx
	messageCommand = 30         // in the lower half of ecx

	rpciProtocol = 0x49435052 // "RPCI"
	withCookie   = 0x80000000

	statusSuccess = 1 // in the upper half of ecx
	statusReceive = 2 // there is an answer
)

// Kinds of messages, in the upper half of ecx.
const (
	open = iota
	sendSize
	sendPayload
	receiveSize
	receivePayload
	receiveStatus
	closeChannel
)

// maxReply is more than a setting's size can be, in bytes.
const maxReply = 16 << 20

// channel is a conversation with the hypervisor.
type channel struct {
	call                  func(*registers)
	id                    uint32
	cookieHigh, cookieLow uint32
}

// Call gives the hypervisor a command, such as "info-get guestinfo.NAME", and
// returns its answer. Refusals are errors.
func Call(command string) (string, error) {
	if !isPresent() {
		return "", errors.New("this is no virtual machine of VMware's")
	}
	return call(in, command)
}

func call(call func(*registers), command string) (string, error) {
	c := &channel{call: call}
	if err := c.open(); err != nil {
		return "", err
	}
	defer c.exchange(closeChannel, 0)
	if err := c.send(command); err != nil {
		return "", err
	}
	reply, err := c.receive()
	if err != nil {
		return "", err
	}
	// "1 ANSWER" or "0 REASON"
	status, text, _ := strings.Cut(reply, " ")
	if status != "1" {
		return "", fmt.Errorf("%s: %s", command, text)
	}
	return text, nil
}

// exchange passes a message and returns the registers.
func (c *channel) exchange(kind, value uint32) (registers, error) {
	r := registers{magic, value, kind<<16 | messageCommand, c.id<<16 | port, c.cookieHigh, c.cookieLow}
	c.call(&r)
	if r.ecx>>16&statusSuccess == 0 {
		return r, fmt.Errorf("the hypervisor refused message %d", kind)
	}
	return r, nil
}

func (c *channel) open() error {
	r, err := c.exchange(open, rpciProtocol|withCookie)
	c.id, c.cookieHigh, c.cookieLow = r.edx>>16, r.esi, r.edi
	return err
}

func (c *channel) send(text string) error {
	if _, err := c.exchange(sendSize, uint32(len(text))); err != nil {
		return err
	}
	for len(text) > 0 {
		var word [4]byte
		text = text[copy(word[:], text):]
		if _, err := c.exchange(sendPayload, binary.LittleEndian.Uint32(word[:])); err != nil {
			return err
		}
	}
	return nil
}

func (c *channel) receive() (string, error) {
	r, err := c.exchange(receiveSize, 0)
	if err != nil {
		return "", err
	}
	size := int(r.ebx)
	if r.ecx>>16&statusReceive == 0 || r.edx>>16 != sendSize || size > maxReply {
		return "", errors.New("the hypervisor has no answer")
	}
	reply := make([]byte, (size+3)&^3)
	for offset := 0; offset < size; offset += 4 {
		r, err := c.exchange(receivePayload, statusSuccess)
		if err != nil {
			return "", err
		}
		binary.LittleEndian.PutUint32(reply[offset:], r.ebx)
	}
	_, err = c.exchange(receiveStatus, statusSuccess)
	return string(reply[:size]), err
}
