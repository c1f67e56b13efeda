package main

import (
	"bufio"
	"io"
)

// eachLine calls take for every line of input, without its line end (LF or CR LF)
// and cut to at most limit bytes. What follows the last line end counts as a line.
func eachLine(input io.Reader, limit int, take func(line string)) error {
	reader := bufio.NewReader(input)
	var line []byte // the beginning, with one byte more than the limit: it may be the CR
	length := 0     // of all of it, so far
	for {
		piece, err := reader.ReadSlice('\n')
		complete := err == nil
		if complete {
			piece = piece[:len(piece)-1]
		}
		length += len(piece)
		if room := limit + 1 - len(line); len(piece) > room {
			piece = piece[:room]
		}
		line = append(line, piece...)
		if complete || (err != bufio.ErrBufferFull && length > 0) {
			if complete && length > 0 && length == len(line) && line[length-1] == '\r' {
				line = line[:length-1]
			}
			if len(line) > limit {
				line = line[:limit]
			}
			take(string(line))
			line, length = line[:0], 0
		}
		if err == io.EOF {
			return nil
		}
		if err != nil && err != bufio.ErrBufferFull {
			return err
		}
	}
}
