package modules

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// StaticNode is a device node of modules.devname: opening it makes the kernel
// load the module behind it.
type StaticNode struct {
	Name         string // relative to /dev
	Block        bool
	Major, Minor uint32
}

// ReadStaticNodes reads modules.devname in directory (/lib/modules/RELEASE):
// lines of `MODULE NAME c|bMAJOR:MINOR`. Lines of another form are passed over.
func ReadStaticNodes(directory string) ([]StaticNode, error) {
	data, err := os.ReadFile(filepath.Join(directory, "modules.devname"))
	if err != nil {
		return nil, err
	}
	var nodes []StaticNode
	eachLine(string(data), func(line string) {
		if node, valid := parseStaticNode(line); valid {
			nodes = append(nodes, node)
		}
	})
	return nodes, nil
}

func parseStaticNode(line string) (node StaticNode, valid bool) {
	words := strings.Fields(line)
	if len(words) != 3 || (words[2][0] != 'c' && words[2][0] != 'b') {
		return StaticNode{}, false
	}
	majorText, minorText, _ := strings.Cut(words[2][1:], ":")
	major, majorError := strconv.ParseUint(majorText, 10, 12)
	minor, minorError := strconv.ParseUint(minorText, 10, 20)
	if majorError != nil || minorError != nil {
		return StaticNode{}, false
	}
	return StaticNode{words[1], words[2][0] == 'b', uint32(major), uint32(minor)}, true
}
