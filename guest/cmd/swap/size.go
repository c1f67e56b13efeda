package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

var units = map[string]int64{"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}

// parseSize reads a number of bytes, or of KiB, MiB, GiB with K, M, G behind.
func parseSize(text string) (int64, error) {
	number, unit := text, int64(1)
	for letter, value := range units {
		if strings.HasSuffix(text, letter) {
			number, unit = strings.TrimSuffix(text, letter), value
		}
	}
	size, err := strconv.ParseInt(number, 10, 64)
	if err != nil || size <= 0 || size > math.MaxInt64/unit {
		return 0, fmt.Errorf("%q is not a size, such as 512M or 1G", text)
	}
	return size * unit, nil
}
