package main

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"errors"
	"os"
	"testing"
)

func guestinfo(settings map[string]string) vmwareGuest {
	return vmwareGuest{func(command string) (string, error) {
		value, ok := settings[command]
		if !ok {
			return "", errors.New("No value found")
		}
		return value, nil
	}}
}

func TestVMware(t *testing.T) {
	var packed bytes.Buffer
	writer := gzip.NewWriter(&packed)
	writer.Write([]byte("#cloud-config\n"))
	writer.Close()
	guest := guestinfo(map[string]string{
		"info-get guestinfo.userdata":            base64.StdEncoding.EncodeToString(packed.Bytes()),
		"info-get guestinfo.userdata.encoding":   "gzip+base64",
		"info-get guestinfo.metadata":            "bG9jYWw=",
		"info-get guestinfo.metadata.encoding":   "base64",
		"info-get guestinfo.vendordata":          "---",
		"info-get guestinfo.vendordata.encoding": " ",
	})
	if err := guest.probe(); err != nil {
		t.Error(err)
	}
	files, _ := newStore(t)
	os.MkdirAll(files.directory, 0o755)
	if userdata, err := guest.extract(files); string(userdata) != "#cloud-config\n" || err != nil {
		t.Errorf("%q %v", userdata, err)
	}
	expectTree(t, files.directory, map[string]string{"metadata": "-rw-r--r-- local"})
}

func TestVMwareWithoutSettings(t *testing.T) {
	for _, value := range []string{"---", " ", ""} {
		guest := guestinfo(map[string]string{"info-get guestinfo.userdata": value, "info-get guestinfo.metadata": value})
		if err := guest.probe(); err == nil {
			t.Errorf("%q", value)
		}
	}
	if err := guestinfo(nil).probe(); err == nil {
		t.Error("nothing is set")
	}
	if err := guestinfo(map[string]string{"info-get guestinfo.metadata": "local"}).probe(); err != nil {
		t.Errorf("metadata alone: %v", err)
	}
}

func TestDecodeGuestinfo(t *testing.T) {
	for encoding, value := range map[string]string{"rot13": "x", "base64": "?", "gzip+base64": "?", "gz+b64": "bG9jYWw="} {
		if got, err := decodeGuestinfo(value, encoding); err == nil {
			t.Errorf("%s: %q", encoding, got)
		}
	}
}
