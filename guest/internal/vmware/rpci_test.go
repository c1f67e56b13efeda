package vmware

import (
	"encoding/binary"
	"strings"
	"testing"
)

// hypervisor is the other side: one channel, and answers to commands.
type hypervisor struct {
	t       *testing.T
	answers map[string]string
	opened  int
	closed  int

	size    int
	command []byte
	reply   []byte
}

const (
	fakeID   = 5
	fakeHigh = 0xC0FFEE
	fakeLow  = 0xBEEF
)

func (h *hypervisor) call(r *registers) {
	if r.eax != magic || r.edx&0xffff != port || r.ecx&0xffff != messageCommand {
		h.t.Fatalf("not a message: %+v", *r)
	}
	kind := r.ecx >> 16
	if kind != open && (r.edx>>16 != fakeID || r.esi != fakeHigh || r.edi != fakeLow) {
		h.t.Fatalf("not of this channel: %+v", *r)
	}
	status := uint32(statusSuccess)
	switch kind {
	case open:
		h.opened++
		if r.ebx != rpciProtocol|withCookie {
			h.t.Fatalf("protocol %x", r.ebx)
		}
		r.edx, r.esi, r.edi = fakeID<<16|port, fakeHigh, fakeLow
	case sendSize:
		h.size, h.command = int(r.ebx), nil
	case sendPayload:
		h.command = binary.LittleEndian.AppendUint32(h.command, r.ebx)
		if len(h.command) >= h.size {
			answer, ok := h.answers[string(h.command[:h.size])]
			if !ok {
				answer = "0 No value found"
			}
			h.reply = []byte(answer)
		}
	case receiveSize:
		status |= statusReceive
		r.ebx, r.edx = uint32(len(h.reply)), sendSize<<16|port
	case receivePayload:
		var word [4]byte
		h.reply = h.reply[copy(word[:], h.reply):]
		r.ebx = binary.LittleEndian.Uint32(word[:])
	case receiveStatus:
		if len(h.reply) > 0 {
			h.t.Errorf("%q was not fetched", h.reply)
		}
	case closeChannel:
		h.closed++
	default:
		status = 0
	}
	r.ecx = status << 16
}

func TestCall(t *testing.T) {
	long := strings.Repeat("user data ", 1000)
	host := &hypervisor{t: t, answers: map[string]string{
		"info-get guestinfo.a":    "1 hello",
		"info-get guestinfo.none": "1 ",
		"info-get guestinfo.long": "1 " + long,
	}}
	for command, want := range map[string]string{
		"info-get guestinfo.a": "hello", "info-get guestinfo.none": "", "info-get guestinfo.long": long,
	} {
		if got, err := call(host.call, command); got != want || err != nil {
			t.Errorf("%s: %q %v", command, got, err)
		}
	}
	if _, err := call(host.call, "info-get guestinfo.b"); err == nil || !strings.Contains(err.Error(), "No value found") {
		t.Errorf("%v", err)
	}
	if host.opened != 4 || host.closed != 4 {
		t.Errorf("%d channels opened, %d closed", host.opened, host.closed)
	}
}

func TestRefusal(t *testing.T) {
	for refused := uint32(open); refused <= receiveStatus; refused++ {
		host := &hypervisor{t: t, answers: map[string]string{"x": "1 y"}}
		_, err := call(func(r *registers) {
			kind := r.ecx >> 16
			host.call(r)
			if kind == refused {
				r.ecx = 0
			}
		}, "x")
		if err == nil {
			t.Errorf("message %d", refused)
		}
	}
}

func TestElsewhere(t *testing.T) {
	if isPresent() {
		return // the real one: there is nothing to ask it for
	}
	if _, err := Call("info-get guestinfo.userdata"); err == nil {
		t.Error("answered")
	}
}
