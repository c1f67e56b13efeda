package main

import (
	"encoding/binary"
	"errors"
	"io"
	"os"
)

// openSource returns the best source of the machine: the processor's entropy
// (RDSEED), what the processor derives from it (RDRAND), or the generator that
// the kernel found, such as the hypervisor's virtio-rng, behind device.
func openSource(useRdseed, useRdrand bool, device string) (io.Reader, error) {
	switch {
	case useRdseed && hasRdseed():
		return instruction(rdseed), nil
	case useRdrand && hasRdrand():
		return instruction(rdrand), nil
	}
	// The device exists, without any generator behind it, in many a kernel: only
	// a sample shows.
	generator, err := os.Open(device)
	if err != nil {
		return nil, errNoSource
	}
	if _, err := io.ReadFull(generator, make([]byte, sampleSize)); err != nil {
		generator.Close()
		return nil, errNoSource
	}
	return generator, nil
}

// instruction is one attempt to get 64 random bits; it fails when the processor
// has none left just now.
type instruction func() (value uint64, ok bool)

// attempts is generous: Intel's Digital Random Number Generator guide advises
// ten for RDRAND and leaves RDSEED, which is slower, to the program.
const attempts = 1000

func (attempt instruction) Read(buffer []byte) (int, error) {
	for i := 0; i < attempts; i++ {
		if value, ok := attempt(); ok {
			var bytes [8]byte
			binary.LittleEndian.PutUint64(bytes[:], value)
			return copy(buffer, bytes[:]), nil
		}
	}
	return 0, errors.New("the processor has no random numbers left")
}
