package disks

import "testing"

const dos = `{
   "partitiontable": {
      "label": "dos", "id": "0x2a6d1c3f", "device": "/dev/sda", "unit": "sectors", "sectorsize": 512,
      "partitions": [
         {"node": "/dev/sda1", "start": 2048, "size": 522240, "type": "83", "bootable": true}
      ]
   }
}`

func TestParseTable(t *testing.T) {
	table, err := parseTable(dos)
	if err != nil || table.Label != "dos" || len(table.Partitions) != 1 {
		t.Fatalf("%v, %v", table, err)
	}
	entry := table.Partitions[0]
	if entry != (Entry{"/dev/sda1", 2048, 522240, "83"}) || !entry.IsLinux() {
		t.Errorf("%v", entry)
	}
	for sectors, fills := range map[int64]bool{524288: true, 524288 + 2048: true, 1048576: false} {
		if table.Fills(entry, sectors) != fills {
			t.Errorf("%d sectors", sectors)
		}
	}
	if (Entry{Type: "0FC63DAF-8483-4772-8E79-3D69D8477DE4"}).IsLinux() != true || (Entry{Type: "82"}).IsLinux() {
		t.Error("types")
	}
	if _, err := parseTable("sfdisk: not JSON"); err == nil {
		t.Error("no error")
	}
}

func TestWithoutSizes(t *testing.T) {
	dump := `label: gpt
label-id: 6BC8EB3A-5E9E-4B9B-8F1A-0B7E5D2E6E11
device: /dev/sda
unit: sectors
first-lba: 2048
last-lba: 524254
sector-size: 512

/dev/sda1 : start=        2048, size=      520192, type=0FC63DAF-8483-4772-8E79-3D69D8477DE4, uuid=3E5D1D7C-0000-4000-8000-000000000001, name="size= 1"
`
	want := `label: gpt
label-id: 6BC8EB3A-5E9E-4B9B-8F1A-0B7E5D2E6E11
device: /dev/sda
unit: sectors
first-lba: 2048
sector-size: 512

/dev/sda1 : start=        2048, type=0FC63DAF-8483-4772-8E79-3D69D8477DE4, uuid=3E5D1D7C-0000-4000-8000-000000000001, name="size= 1"
`
	if got := withoutSizes(dump); got != want {
		t.Errorf("%s", got)
	}
}
