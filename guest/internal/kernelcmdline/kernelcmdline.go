// Package kernelcmdline reads the words that the boot loader gave the kernel.
// See Documentation/admin-guide/kernel-parameters.rst.
package kernelcmdline

import (
	"os"
	"strings"
)

// Words returns the words of the running kernel's command line. Without /proc
// there are none.
func Words() []string {
	text, err := os.ReadFile("/proc/cmdline")
	if err != nil {
		return nil
	}
	return Parse(string(text))
}

// Has tells whether the command line contains exactly this word.
func Has(word string) bool {
	for _, have := range Words() {
		if have == word {
			return true
		}
	}
	return false
}

// Values returns the value of every word `key=value`, in the order given.
func Values(key string) []string {
	return Select(Words(), key)
}

// Select returns the value of every word `key=value` in words, in their order.
func Select(words []string, key string) []string {
	var values []string
	for _, word := range words {
		if name, value, found := strings.Cut(word, "="); found && name == key {
			values = append(values, value)
		}
	}
	return values
}

// Parse splits text at white space. Double quotes keep white space inside a
// word and are dropped, as next_arg() in the kernel's lib/cmdline.c does.
func Parse(text string) []string {
	var words []string
	var word strings.Builder
	quoted := false
	end := func() {
		if word.Len() > 0 {
			words = append(words, word.String())
			word.Reset()
		}
	}
	for i := 0; i < len(text); i++ {
		switch character := text[i]; {
		case character == '"':
			quoted = !quoted
		case !quoted && strings.IndexByte(" \t\r\n\v\f", character) >= 0:
			end()
		default:
			word.WriteByte(character)
		}
	}
	end()
	return words
}
