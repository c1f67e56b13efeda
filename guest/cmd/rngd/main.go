// Command rngd gives the kernel's random number generator what the processor's
// generator, or another one of the machine, produces. See random(4).
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
)

// sampleSize is how much is taken from the source at a time.
const sampleSize = 8

var errNoSource = errors.New("No random source available")

func main() {
	once := flag.Bool("1", false, "end when the kernel wants no more")
	noRdrand := flag.Bool("disable-rdrand", false, "do not use the instruction RDRAND")
	noRdseed := flag.Bool("disable-rdseed", false, "do not use the instruction RDSEED")
	flag.Parse()
	if err := run(*once, !*noRdseed, !*noRdrand); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(once, useRdseed, useRdrand bool) error {
	source, err := openSource(useRdseed, useRdrand, "/dev/hwrng")
	if err != nil {
		return err
	}
	pool, err := openPool("/dev/random")
	if err != nil {
		return err
	}
	defer pool.close()
	written := 0
	for {
		var sample [sampleSize]byte
		if _, err := io.ReadFull(source, sample[:]); err != nil {
			return err
		}
		if err := pool.add(sample[:]); err != nil {
			return err
		}
		written += len(sample)
		wanted, err := pool.wantsMore(!once)
		if err != nil {
			return err
		}
		if !wanted {
			fmt.Fprintf(os.Stderr, "Wrote %d bytes of entropy, exiting as oneshot\n", written)
			return nil
		}
	}
}
