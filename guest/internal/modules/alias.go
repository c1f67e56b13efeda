package modules

import (
	"sort"
	"strings"
)

// keyLength is how many literal bytes at the start of a pattern choose its
// bucket: vendor and half the device of a PCI modalias (`pci:v00001AF4d000010`).
const keyLength = 20

// aliasTable holds the patterns of modules.alias in buckets by what they
// literally start with, so that a lookup meets few of them. A bucket is a chain
// through the entries, which costs no allocation of its own.
type aliasTable struct {
	entries []alias
	last    map[string]int // the bucket's newest entry, counted from one
}

type alias struct {
	pattern string
	module  string
	earlier int // the entry of the same bucket before this one, or zero
}

// parseAliases reads lines of the form `alias PATTERN MODULE`.
func parseAliases(text string) aliasTable {
	lines := strings.Count(text, "\n")
	table := aliasTable{make([]alias, 0, lines), make(map[string]int, lines/2)}
	eachLine(text, func(line string) {
		const keyword = "alias "
		end := strings.LastIndexByte(line, ' ')
		if !strings.HasPrefix(line, keyword) || end < len(keyword) {
			return
		}
		pattern := unifyDashes(line[len(keyword):end])
		key := literalPrefix(pattern)
		table.entries = append(table.entries, alias{pattern, line[end+1:], table.last[key]})
		table.last[key] = len(table.entries)
	})
	return table
}

// lookup returns the modules whose patterns match name, each once. Their order
// is that of the file, which depmod sorts by modules.order: the order in which
// the kernel would have tried the drivers had they been built in.
func (table aliasTable) lookup(name string) []string {
	name = unifyDashes(name)
	var found []int
	for length := 0; length <= keyLength && length <= len(name); length++ {
		for number := table.last[name[:length]]; number > 0; number = table.entries[number-1].earlier {
			if match(table.entries[number-1].pattern, name) {
				found = append(found, number)
			}
		}
	}
	sort.Ints(found)

	var modules []string
	seen := map[string]bool{}
	for _, number := range found {
		module := canonical(table.entries[number-1].module)
		if !seen[module] {
			seen[module] = true
			modules = append(modules, module)
		}
	}
	return modules
}

// literalPrefix returns what every name that matches pattern starts with, cut
// at keyLength.
func literalPrefix(pattern string) string {
	for i := 0; i < len(pattern) && i < keyLength; i++ {
		switch pattern[i] {
		case '*', '?', '[', '\\':
			return pattern[:i]
		}
	}
	if len(pattern) > keyLength {
		return pattern[:keyLength]
	}
	return pattern
}

// unifyDashes replaces `-` by `_` outside of bracket expressions, where a dash
// makes a range. depmod leaves the dashes of aliases alone and modprobe(8)
// takes both characters for the same.
func unifyDashes(text string) string {
	if strings.IndexByte(text, '-') < 0 {
		return text
	}
	out := []byte(text)
	inside := false
	for i, character := range out {
		switch {
		case character == '[':
			inside = true
		case character == ']':
			inside = false
		case character == '-' && !inside:
			out[i] = '_'
		}
	}
	return string(out)
}
