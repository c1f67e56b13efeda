package vmware

import "encoding/binary"

// Written in backdoor_amd64.s.

func cpuid(leaf uint32) (eax, ebx, ecx, edx uint32)
func in(r *registers)

// isPresent tells whether VMware's hypervisor runs this machine. Elsewhere, the
// instruction that calls it ends the process.
func isPresent() bool {
	const (
		features         = 1
		hypervisorBit    = 1 << 31
		hypervisorVendor = 0x40000000 // see Documentation/virt/kvm/x86/cpuid.rst of the kernel
	)
	if _, _, ecx, _ := cpuid(features); ecx&hypervisorBit == 0 {
		return false
	}
	var name [12]byte
	_, ebx, ecx, edx := cpuid(hypervisorVendor)
	binary.LittleEndian.PutUint32(name[0:], ebx)
	binary.LittleEndian.PutUint32(name[4:], ecx)
	binary.LittleEndian.PutUint32(name[8:], edx)
	return string(name[:]) == "VMwareVMware"
}
