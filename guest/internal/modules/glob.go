package modules

// match tells whether the whole of name matches a shell pattern of `*`, `?`,
// `[a-z]`, `[!a-z]` and `\`: fnmatch(3) without flags, as modprobe(8) uses it.
// Time is at most the product of the lengths.
func match(pattern, name string) bool {
	// Where to go on when the text after the last `*` did not match: the star
	// then takes one more byte of the name.
	star, retry := -1, 0
	p, n := 0, 0
	for n < len(name) {
		if p < len(pattern) && pattern[p] == '*' {
			star, retry = p, n
			p++
			continue
		}
		if width, matches := matchByte(pattern[p:], name[n]); matches {
			p += width
			n++
			continue
		}
		if star < 0 {
			return false
		}
		retry++
		p, n = star+1, retry
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

// matchByte matches the first element of pattern, which is no `*`, and returns
// that element's length.
func matchByte(pattern string, character byte) (width int, matches bool) {
	if pattern == "" {
		return 0, false
	}
	switch pattern[0] {
	case '?':
		return 1, true
	case '[':
		if width, matches, closed := matchSet(pattern, character); closed {
			return width, matches
		}
	case '\\':
		if len(pattern) > 1 {
			return 2, pattern[1] == character
		}
	}
	return 1, pattern[0] == character
}

// matchSet matches a bracket expression. Without a closing bracket it is none
// and `[` stands for itself.
func matchSet(pattern string, character byte) (width int, matches, closed bool) {
	i := 1
	negated := i < len(pattern) && (pattern[i] == '!' || pattern[i] == '^')
	if negated {
		i++
	}
	for first := true; i < len(pattern); first = false {
		low := pattern[i]
		if low == ']' && !first {
			return i + 1, matches != negated, true
		}
		high := low
		if i+2 < len(pattern) && pattern[i+1] == '-' && pattern[i+2] != ']' {
			high = pattern[i+2]
			i += 2
		}
		if low <= character && character <= high {
			matches = true
		}
		i++
	}
	return 0, false, false
}
