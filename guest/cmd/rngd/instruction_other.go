//go:build !amd64

package main

// Only amd64 has the two instructions.

func hasRdrand() bool { return false }
func hasRdseed() bool { return false }

func rdrand() (value uint64, ok bool) { return 0, false }
func rdseed() (value uint64, ok bool) { return 0, false }
