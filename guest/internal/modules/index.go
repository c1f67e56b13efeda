// Package modules finds and loads kernel modules with depmod(8)'s indexes,
// without running modprobe(8).
package modules

import (
	"os"
	"path/filepath"
	"strings"
)

// Index is what depmod(8) wrote about the modules of one kernel release. Names
// of modules are canonical: without directory and suffix, `_` for `-`.
type Index struct {
	directory    string
	dependencies map[string]string   // name: its line of modules.dep
	builtin      map[string]bool     // modules.builtin
	preceding    map[string][]string // name: the `pre:` words of modules.softdep
	aliases      aliasTable          // modules.alias
}

// ReadIndex reads the indexes in directory (/lib/modules/RELEASE). Only
// modules.dep must exist.
func ReadIndex(directory string) (*Index, error) {
	dependencies, err := os.ReadFile(filepath.Join(directory, "modules.dep"))
	if err != nil {
		return nil, err
	}
	index := &Index{
		directory:    directory,
		dependencies: parseDependencies(string(dependencies)),
		builtin:      map[string]bool{},
		preceding:    map[string][]string{},
	}
	eachLine(readOptional(directory, "modules.builtin"), func(line string) {
		index.builtin[moduleName(line)] = true
	})
	eachLine(readOptional(directory, "modules.softdep"), index.addSoftDependency)
	index.aliases = parseAliases(readOptional(directory, "modules.alias"))
	return index, nil
}

func readOptional(directory, name string) string {
	data, err := os.ReadFile(filepath.Join(directory, name))
	if err != nil {
		return ""
	}
	return string(data)
}

// eachLine calls visit for every line that is neither empty nor a comment. It
// makes no copies: modules.alias has some ten thousand lines.
func eachLine(text string, visit func(line string)) {
	for text != "" {
		var line string
		line, text, _ = strings.Cut(text, "\n")
		if line != "" && line[0] != '#' {
			visit(line)
		}
	}
}

// parseDependencies reads lines of the form `PATH: PATH...`. Only the name is
// taken apart; the few lines that are used are split in Index.paths.
func parseDependencies(text string) map[string]string {
	dependencies := make(map[string]string, strings.Count(text, "\n"))
	eachLine(text, func(line string) {
		if path, _, found := strings.Cut(line, ":"); found {
			dependencies[moduleName(path)] = line
		}
	})
	return dependencies
}

// paths returns the files of a module and of what it needs, in the order of
// modules.dep: each before those it needs.
func (index *Index) paths(name string) []string {
	line, found := index.dependencies[name]
	if !found {
		return nil
	}
	path, needs, _ := strings.Cut(line, ":")
	return append([]string{path}, strings.Fields(needs)...)
}

// addSoftDependency reads `softdep NAME [pre: NAME...] [post: NAME...]`. One
// module can have several lines.
func (index *Index) addSoftDependency(line string) {
	words := strings.Fields(line)
	if len(words) < 3 || words[0] != "softdep" {
		return
	}
	name, before := canonical(words[1]), false
	for _, word := range words[2:] {
		switch {
		case strings.HasSuffix(word, ":"):
			before = word == "pre:"
		case before:
			index.preceding[name] = append(index.preceding[name], word)
		}
	}
}

// resolve returns the modules that a name or an alias (a modalias, `fs-ext4`)
// stands for, in the order of modules.alias.
func (index *Index) resolve(name string) []string {
	module := canonical(name)
	if _, found := index.dependencies[module]; found {
		return []string{module}
	}
	return index.aliases.lookup(name)
}

// moduleName turns `kernel/fs/fuse/virtiofs.ko.xz` into `virtiofs`.
func moduleName(path string) string {
	name := path[strings.LastIndexByte(path, '/')+1:]
	if end := strings.Index(name, ".ko"); end >= 0 {
		name = name[:end]
	}
	return canonical(name)
}

// canonical makes the two spellings of a module's name one: file names may
// have dashes, the kernel's own names never do.
func canonical(name string) string {
	return strings.ReplaceAll(name, "-", "_")
}
