package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// descriptionFile is in an initramfs that is not the system itself but only
// mounts it.
const descriptionFile = "/root-mount"

// description tells where the system's root is. In the file each line is a word
// and its value:
//
//	type squashfs
//	module loop
//	file /root.img
//	identity 32808 4c696e75784b6974
type description struct {
	// Type of the root's file system.
	kind string
	// Modules that mounting it needs, beside those of the devices.
	modules []string
	// File of this initramfs that holds the root. Without it the root is a
	// device: the one that the kernel's `root=` names, or the first that has
	// the identity.
	file     string
	identity *identity
}

// identity is what the root's device has at an offset.
type identity struct {
	offset int64
	bytes  []byte
}

// readDescription returns nil for an initramfs that is the system itself.
func readDescription(path string) (*description, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	described, err := parseDescription(string(text))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return described, nil
}

func parseDescription(text string) (*description, error) {
	described := &description{}
	for _, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		word, value, _ := strings.Cut(line, " ")
		switch word {
		case "type":
			described.kind = value
		case "module":
			described.modules = append(described.modules, value)
		case "file":
			described.file = value
		case "identity":
			parsed, err := parseIdentity(value)
			if err != nil {
				return nil, err
			}
			described.identity = parsed
		default:
			return nil, fmt.Errorf("unknown word %q", word)
		}
	}
	if described.kind == "" {
		return nil, errors.New("no type of file system")
	}
	return described, nil
}

func parseIdentity(text string) (*identity, error) {
	offset, digits, _ := strings.Cut(text, " ")
	number, err := strconv.ParseInt(offset, 10, 64)
	if err != nil {
		return nil, fmt.Errorf("identity: %w", err)
	}
	bytes, err := hex.DecodeString(digits)
	if err != nil || len(bytes) == 0 {
		return nil, fmt.Errorf("identity: %q are no bytes", digits)
	}
	return &identity{number, bytes}, nil
}
