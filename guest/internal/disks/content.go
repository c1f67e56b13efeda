package disks

import (
	"os"
	"regexp"
	"strconv"
	"strings"

	"linuxkit/guest/internal/tool"
)

// Content is what blkid(8) recognises on a device, under the names that udev
// uses: ID_FS_TYPE, ID_FS_UUID, ID_PART_TABLE_TYPE, ...
type Content map[string]string

// Exit statuses of blkid(8).
const (
	nothingFound = 2
	ambivalent   = 8
)

// linuxPartitions are the types of partitions with data of Linux, in MBR and in GPT.
var linuxPartitions = map[string]bool{
	"0x83":                                 true,
	"0fc63daf-8483-4772-8e79-3d69d8477de4": true,
}

// Probe says what is on a device.
func Probe(device string) (Content, error) {
	// A device that cannot be read is to blkid one that has nothing on it.
	file, err := os.Open(device)
	if err != nil {
		return nil, err
	}
	file.Close()
	output, err := tool.Run("blkid", "--probe", "--output", "udev", device)
	switch tool.Status(err) {
	case 0, ambivalent:
		return parseContent(output), nil
	case nothingFound:
		return Content{}, nil
	}
	return nil, err
}

func parseContent(output string) Content {
	content := Content{}
	for _, line := range strings.Split(output, "\n") {
		if key, value, found := strings.Cut(line, "="); found {
			content[key] = value
		}
	}
	return content
}

// IsEmpty tells that there is neither a file system nor a partition table nor
// anything else that blkid knows. That the device is a partition itself does
// not count.
func (content Content) IsEmpty() bool {
	for key := range content {
		if !strings.HasPrefix(key, "ID_PART_ENTRY_") {
			return false
		}
	}
	return true
}

// IsLinuxPartition tells whether the device is a partition for data of Linux.
func (content Content) IsLinuxPartition() bool {
	return linuxPartitions[content["ID_PART_ENTRY_TYPE"]]
}

// Label is the name of the file system, and Uuid its identity; they may be empty.
func (content Content) Label() string { return unescape(content["ID_FS_LABEL_ENC"]) }
func (content Content) Uuid() string  { return unescape(content["ID_FS_UUID_ENC"]) }

var escape = regexp.MustCompile(`\\x[0-9a-f]{2}`)

// unescape takes udev's notation for bytes that must not be in the name of a
// file back: \x20 is a space.
func unescape(text string) string {
	return escape.ReplaceAllStringFunc(text, func(escaped string) string {
		code, _ := strconv.ParseUint(escaped[2:], 16, 8)
		return string([]byte{byte(code)})
	})
}

// telling are what String says, of all that blkid knows.
var telling = []string{"ID_FS_TYPE", "ID_FS_LABEL", "ID_FS_UUID", "ID_FS_AMBIVALENT", "ID_PART_TABLE_TYPE", "ID_PART_TABLE_UUID"}

func (content Content) String() string {
	var words []string
	for _, key := range telling {
		if value := content[key]; value != "" {
			words = append(words, key+"="+value)
		}
	}
	return strings.Join(words, " ")
}
