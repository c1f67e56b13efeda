// Package cryptsetup opens encrypted devices with cryptsetup(8).
package cryptsetup

import (
	"os"

	"linuxkit/guest/internal/tool"
)

// algorithm is what plain devices are encrypted with, and LUKS when it is made
// here. Nothing on a plain device says so: it must never change.
var algorithm = []string{"--cipher", "aes-cbc-essiv:sha256", "--key-size", "256"}

// OpenPlain makes /dev/mapper/NAME of a device, or a file, that is encrypted
// throughout. The first 32 bytes of the file key are the key.
func OpenPlain(device, name, key string) error {
	return run("open", append([]string{"--batch-mode", "--type", "plain", "--key-file", key, device, name}, algorithm...)...)
}

// OpenLuks makes /dev/mapper/NAME of a device that begins with a LUKS header. The
// file key is the passphrase.
func OpenLuks(device, name, key string) error {
	return run("open", "--type", "luks", "--key-file", key, device, name)
}

// IsLuks tells whether a device begins with a LUKS header.
func IsLuks(device string) bool {
	return run("isLuks", device) == nil
}

// FormatLuks writes a LUKS header on a device.
func FormatLuks(device, key string) error {
	return run("luksFormat", append([]string{"--batch-mode", "--key-file", key, device}, algorithm...)...)
}

func run(command string, arguments ...string) error {
	// For its locks.
	if err := os.MkdirAll("/run/cryptsetup", 0o700); err != nil {
		return err
	}
	// There is no udev that would make the node in /dev/mapper, and say so.
	if err := os.Setenv("DM_DISABLE_UDEV", "1"); err != nil {
		return err
	}
	_, err := tool.Run("cryptsetup", append([]string{command}, arguments...)...)
	return err
}
