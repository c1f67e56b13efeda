#include "textflag.h"

// func cpuid(leaf, subleaf uint32) (eax, ebx, ecx, edx uint32)
TEXT ·cpuid(SB), NOSPLIT, $0-24
	MOVL leaf+0(FP), AX
	MOVL subleaf+4(FP), CX
	CPUID
	MOVL AX, eax+8(FP)
	MOVL BX, ebx+12(FP)
	MOVL CX, ecx+16(FP)
	MOVL DX, edx+20(FP)
	RET

// The carry flag tells whether there was a number.

// func rdrand() (value uint64, ok bool)
TEXT ·rdrand(SB), NOSPLIT, $0-9
	RDRANDQ AX
	MOVQ    AX, value+0(FP)
	SETCS   ok+8(FP)
	RET

// func rdseed() (value uint64, ok bool)
TEXT ·rdseed(SB), NOSPLIT, $0-9
	RDSEEDQ AX
	MOVQ    AX, value+0(FP)
	SETCS   ok+8(FP)
	RET
