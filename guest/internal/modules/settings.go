package modules

import (
	"os"
	"path/filepath"
	"strings"
)

// Settings are what the administrator said about modules, see modprobe.d(5).
type Settings struct {
	options   map[string][]string
	blacklist map[string]bool
}

// ReadSettings reads the `options` and `blacklist` lines of *.conf in
// directory (/etc/modprobe.d; it may be missing), then the words of the kernel
// command line: `MODULE.PARAMETER=VALUE` and `modprobe.blacklist=MODULE,...`.
func ReadSettings(directory string, commandLine []string) Settings {
	settings := Settings{options: map[string][]string{}, blacklist: map[string]bool{}}
	// The pattern is fixed and well formed, the only error Glob has is another.
	files, _ := filepath.Glob(filepath.Join(directory, "*.conf"))
	for _, file := range files {
		if data, err := os.ReadFile(file); err == nil {
			settings.addFile(string(data))
		}
	}
	for _, word := range commandLine {
		settings.addWord(word)
	}
	return settings
}

func (settings Settings) addFile(text string) {
	text = strings.ReplaceAll(text, "\\\n", "")
	eachLine(text, func(line string) {
		words := strings.Fields(line)
		if len(words) < 2 {
			return
		}
		name := canonical(words[1])
		switch words[0] {
		case "blacklist":
			settings.blacklist[name] = true
		case "options":
			settings.options[name] = append(settings.options[name], words[2:]...)
		}
	})
}

// addWord takes one word of the kernel command line, already without quotes.
func (settings Settings) addWord(word string) {
	key, value, assigned := strings.Cut(word, "=")
	name, parameter, dotted := strings.Cut(key, ".")
	if !dotted || name == "" || parameter == "" {
		return
	}
	name = canonical(name)
	if name == "modprobe" && parameter == "blacklist" {
		for _, module := range strings.Split(value, ",") {
			settings.blacklist[canonical(module)] = true
		}
		return
	}
	if assigned {
		// The kernel splits a module's parameters at blanks again.
		if strings.ContainsAny(value, " \t") {
			value = `"` + value + `"`
		}
		parameter += "=" + value
	}
	settings.options[name] = append(settings.options[name], parameter)
}

// parameters returns the string that finit_module(2) wants for a module.
func (settings Settings) parameters(name string) string {
	return strings.Join(settings.options[name], " ")
}
