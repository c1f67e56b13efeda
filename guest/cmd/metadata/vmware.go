package main

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"

	"linuxkit/guest/internal/vmware"
)

// vmwareGuest is what VMware's hypervisor lets its administrator tell the guest:
// settings guestinfo.NAME, perhaps encoded as guestinfo.NAME.encoding says.
type vmwareGuest struct {
	// call asks the hypervisor, with a command of its "RPCI".
	call func(command string) (string, error)
}

func newVMware() vmwareGuest { return vmwareGuest{vmware.Call} }

func (vmwareGuest) String() string { return "VMWARE" }

func (v vmwareGuest) probe() error {
	var err error
	for _, name := range []string{"userdata", "metadata"} {
		var value []byte
		if value, err = v.get(name); err == nil && isSet(value) {
			return nil
		}
	}
	if err == nil {
		err = errors.New("neither guestinfo.userdata nor guestinfo.metadata is set")
	}
	return err
}

// isSet tells a value from what stands for none: "---", or a blank.
func isSet(value []byte) bool {
	return len(value) > 1 && string(value) != "---"
}

func (v vmwareGuest) extract(files store) ([]byte, error) {
	for _, name := range []string{"metadata", "vendordata"} {
		if value, err := v.get(name); err != nil {
			files.log.say("%s: no %s: %v", v, name, err)
		} else if isSet(value) {
			files.write(name, string(value), 0o644)
		}
	}
	userdata, err := v.get("userdata")
	if err != nil || !isSet(userdata) {
		return nil, err
	}
	return userdata, nil
}

func (v vmwareGuest) get(name string) ([]byte, error) {
	value, err := v.call("info-get guestinfo." + name)
	if err != nil {
		return nil, err
	}
	encoding, err := v.call("info-get guestinfo." + name + ".encoding")
	if err != nil {
		encoding = "" // not set
	}
	return decodeGuestinfo(value, strings.TrimSpace(encoding))
}

func decodeGuestinfo(value, encoding string) ([]byte, error) {
	switch encoding {
	case "":
		return []byte(value), nil
	case "base64", "b64":
		return base64.StdEncoding.DecodeString(value)
	case "gzip+base64", "gz+b64":
		packed, err := base64.StdEncoding.DecodeString(value)
		if err != nil {
			return nil, err
		}
		reader, err := gzip.NewReader(bytes.NewReader(packed))
		if err != nil {
			return nil, err
		}
		unpacked, err := io.ReadAll(io.LimitReader(reader, maxAnswer))
		if err != nil {
			return nil, err
		}
		return unpacked, reader.Close()
	}
	return nil, fmt.Errorf("unknown encoding %q", encoding)
}
