package main

import "os"

// file is user data in a file.
type file string

func (f file) String() string { return string(f) }

func (f file) probe() error {
	_, err := os.Stat(string(f))
	return err
}

func (f file) extract(store) ([]byte, error) { return os.ReadFile(string(f)) }
