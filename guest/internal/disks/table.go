package disks

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"linuxkit/guest/internal/tool"
)

// Table is a partition table as sfdisk(8) describes it.
type Table struct {
	Label      string  `json:"label"` // "dos" or "gpt"
	SectorSize int64   `json:"sectorsize"`
	Partitions []Entry `json:"partitions"`
}

// Entry is one partition; start and size are in sectors.
type Entry struct {
	Node  string `json:"node"`
	Start int64  `json:"start"`
	Size  int64  `json:"size"`
	Type  string `json:"type"`
}

// IsLinux tells whether the partition is for data of Linux.
func (entry Entry) IsLinux() bool {
	return linuxPartitions["0x"+entry.Type] || linuxPartitions[strings.ToLower(entry.Type)]
}

// ReadTable reads the partition table of a drive.
func ReadTable(drive string) (Table, error) {
	output, err := tool.Run("sfdisk", "--json", drive)
	if err != nil {
		return Table{}, err
	}
	return parseTable(output)
}

func parseTable(output string) (Table, error) {
	document := struct {
		Table Table `json:"partitiontable"`
	}{Table{SectorSize: 512}}
	if err := json.Unmarshal([]byte(output), &document); err != nil {
		return Table{}, fmt.Errorf("sfdisk --json: %w", err)
	}
	return document.Table, nil
}

// CreateTable writes a partition table ("dos" or "gpt") with one partition, for
// data of Linux, over all of the drive. What the drive held is lost.
func CreateTable(drive, label string) error {
	_, err := tool.Feed("label: "+label+"\n;\n", "sfdisk", "--quiet", "--wipe=always", "--wipe-partitions=always", drive)
	return err
}

// ExtendPartition makes the only partition of a drive as large as the drive.
// Its contents, type and identity stay.
func ExtendPartition(drive string) error {
	dump, err := tool.Run("sfdisk", "--dump", drive)
	if err != nil {
		return err
	}
	_, err = tool.Feed(withoutSizes(dump), "sfdisk", "--quiet", "--wipe=never", "--wipe-partitions=never", drive)
	return err
}

var sizes = regexp.MustCompile(`(?m)^last-lba:.*\n|, *size= *[0-9]+`)

// withoutSizes leaves out of a dump what says where the disk and its partitions
// end: sfdisk then takes all that is there.
func withoutSizes(dump string) string {
	return sizes.ReplaceAllString(dump, "")
}

// slack is what may lie behind a partition that fills its disk: the copy of the
// GPT, and less than the 1 MiB to which sfdisk aligns.
const slack = 2 << 20

// Fills tells whether a partition reaches to the end of a disk of that many
// sectors of 512 bytes. (What a GPT itself says of the disk's end was true when
// it was written.)
func (table Table) Fills(entry Entry, sectors int64) bool {
	return sectors*512-(entry.Start+entry.Size)*table.SectorSize <= slack
}
