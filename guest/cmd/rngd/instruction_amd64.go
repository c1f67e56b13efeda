package main

// Written in instruction_amd64.s.

// cpuid returns what the processor says about itself, see CPUID in Intel's
// Software Developer's Manual, volume 2.
func cpuid(leaf, subleaf uint32) (eax, ebx, ecx, edx uint32)

func rdrand() (value uint64, ok bool)
func rdseed() (value uint64, ok bool)

func hasRdrand() bool {
	_, _, ecx, _ := cpuid(1, 0)
	return ecx&(1<<30) != 0
}

func hasRdseed() bool {
	const features = 7
	if highest, _, _, _ := cpuid(0, 0); highest < features {
		return false
	}
	_, ebx, _, _ := cpuid(features, 0)
	return ebx&(1<<18) != 0
}
