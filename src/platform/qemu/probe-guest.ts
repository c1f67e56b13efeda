import type { Arch } from '../../base/arch.js'

/** What a probe guest writes to its serial port when it has come through. */
export const PROBE_ANSWER = 'ok'

/** A tiny guest and the QEMU arguments that boot it from a file. */
export interface ProbeGuest {
  readonly image: Buffer
  arguments(imagePath: string): readonly string[]
}

/** Machine code with the assembly beside it. */
function assemble(lines: readonly (readonly [code: string, source: string])[]): Buffer {
  return Buffer.from(lines.map(([code]) => code).join(''), 'hex')
}

/**
 * A boot sector. It does what hypervisors that are no more than half there fail at: it goes on to long mode, runs 200 million
 * instructions (where guest code is interpreted this takes minutes), uses SSE and, where the processor has them, VEX-coded instructions,
 * and writes model-specific registers. Loaded at 0x7c00; page tables at 0x1000 map the first 2 MiB
 * (AMD64 Architecture Programmer's Manual, volume 2, 14.6 "Enabling and activating long mode").
 */
const X86_BOOT_SECTOR = assemble([
  ['fa', 'cli'],
  ['31c0', 'xor ax, ax'],
  ['8ed8', 'mov ds, ax'],
  ['8ec0', 'mov es, ax'],
  ['bf0010', 'mov di, 0x1000'],
  ['b90030', 'mov cx, 0x3000'],
  ['fc', 'cld'],
  ['f3aa', 'rep stosb'],
  ['c70600100320', 'mov word [0x1000], 0x2003'],
  ['c70600200330', 'mov word [0x2000], 0x3003'],
  ['c70600308300', 'mov word [0x3000], 0x0083'],
  ['66b800100000', 'mov eax, 0x1000'],
  ['0f22d8', 'mov cr3, eax'],
  ['0f20e0', 'mov eax, cr4'],
  ['0d2002', 'or ax, 0x220 (PAE, OSFXSR)'],
  ['0f22e0', 'mov cr4, eax'],
  ['66b9800000c0', 'mov ecx, 0xc0000080 (EFER)'],
  ['0f32', 'rdmsr'],
  ['0d0001', 'or ax, 0x100 (LME)'],
  ['0f30', 'wrmsr'],
  ['0f0116b07c', 'lgdt [0x7cb0]'],
  ['0f20c0', 'mov eax, cr0'],
  ['660d01000080', 'or eax, 0x80000001 (PG, PE)'],
  ['0f22c0', 'mov cr0, eax'],
  ['ea577c0800', 'jmp 8:0x7c57 (64-bit code from here)'],
  ['b900e1f505', 'mov ecx, 100000000'],
  ['ffc9', 'dec ecx'],
  ['75fc', 'jnz -2'],
  ['31c0', 'xor eax, eax'],
  ['0fa2', 'cpuid'],
  ['83f807', 'cmp eax, 7'],
  ['7214', 'jb to pxor'],
  ['b807000000', 'mov eax, 7'],
  ['31c9', 'xor ecx, ecx'],
  ['0fa2', 'cpuid'],
  ['0fbae308', 'bt ebx, 8 (BMI2)'],
  ['7305', 'jnc to pxor'],
  ['c4e2f1f7c0', 'shlx rax, rax, rcx'],
  ['660fefc0', 'pxor xmm0, xmm0'],
  ['b977020000', 'mov ecx, 0x277 (PAT)'],
  ['0f32', 'rdmsr'],
  ['0f30', 'wrmsr'],
  ['66baf803', 'mov dx, 0x3f8 (COM1)'],
  ['b06f', "mov al, 'o'"],
  ['ee', 'out dx, al'],
  ['b06b', "mov al, 'k'"],
  ['ee', 'out dx, al'],
  ['66baf400', 'mov dx, 0xf4 (isa-debug-exit)'],
  ['ee', 'out dx, al'],
  ['f4', 'hlt'],
  ['ebfd', 'jmp to hlt'],
  ['0f1f4000', 'nop'],
  ['0000000000000000', 'null descriptor'],
  ['00000000009a2000', '64-bit code segment'],
  ['0f00', 'limit of the descriptor table'],
  ['a07c0000', 'its address, 0x7ca0'],
])

/** SeaBIOS does not boot from a disk that is smaller than a track or so. */
const X86_DISK_SIZE = 1 << 20

function x86Guest(): ProbeGuest {
  const image = Buffer.alloc(X86_DISK_SIZE)
  X86_BOOT_SECTOR.copy(image)
  image.writeUInt16BE(0x55aa, 510)
  return {
    image,
    arguments: (path) => ['-machine', 'q35', '-device', 'isa-debug-exit,iobase=0xf4,iosize=4', '-drive', `format=raw,file=${path}`],
  }
}

/** The same idea on the `virt` machine: 200 million instructions, a device, and PSCI SYSTEM_OFF (Arm DEN0022, 5.10). */
const ARM_PROGRAM = assemble([
  ['00209cd2', 'mov x0, #0xe100'],
  ['a0bea0f2', 'movk x0, #0x5f5, lsl #16 (100000000)'],
  ['000400f1', 'subs x0, x0, #1'],
  ['e1ffff54', 'b.ne -4'],
  ['0120a1d2', 'mov x1, #0x9000000 (UART)'],
  ['e00d80d2', "mov x0, 'o'"],
  ['200000b9', 'str w0, [x1]'],
  ['600d80d2', "mov x0, 'k'"],
  ['200000b9', 'str w0, [x1]'],
  ['000180d2', 'mov x0, #8'],
  ['0080b0f2', 'movk x0, #0x8400, lsl #16 (SYSTEM_OFF)'],
  ['020000d4', 'hvc #0'],
  ['00000014', 'b .'],
])

const ARM_GUEST: ProbeGuest = { image: ARM_PROGRAM, arguments: (path) => ['-machine', 'virt', '-kernel', path] }

/** The guest that proves a hypervisor on hosts of this architecture, if there is one. */
export function probeGuest(arch: Arch): ProbeGuest | undefined {
  if (arch === 'amd64') return x86Guest()
  return arch === 'arm64' ? ARM_GUEST : undefined
}
