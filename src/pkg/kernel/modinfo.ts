import { LinuxkitError } from '../../base/errors.js'

/** `key=value` pairs of a kernel module, in the order of the file (include/linux/moduleinfo.h of the kernel). */
export type ModuleInfo = readonly (readonly [key: string, value: string])[]

const ELF_MAGIC = 0x7f454c46
const CLASS_64 = 2
const BIG_ENDIAN = 2

/**
 * Reads the section `.modinfo` of a module: an ELF object file (System V ABI, chapters "ELF Header" and "Sections") of 32 or 64 bits and either byte order.
 * @param name what error messages call the module
 * @throws {LinuxkitError} `kernel/bad-module`
 */
export function readModuleInfo(file: Uint8Array, name: string): ModuleInfo {
  try {
    return parseModuleInfo(modinfoSection(new DataView(file.buffer, file.byteOffset, file.length)))
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw new LinuxkitError('kernel/bad-module', `"${name}" is not a whole kernel module`, { cause: error })
  }
}

/** The pairs that NUL bytes part in `.modinfo`; also the form of one module's lines in modules.builtin.modinfo. */
function parseModuleInfo(section: string): ModuleInfo {
  return section
    .split('\0')
    .filter((pair) => pair.includes('='))
    .map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)] as const)
}

function modinfoSection(view: DataView): string {
  if (view.getUint32(0) !== ELF_MAGIC) throw new RangeError('no ELF magic')
  const wide = view.getUint8(4) === CLASS_64
  const little = view.getUint8(5) !== BIG_ENDIAN
  const half = (offset: number): number => view.getUint16(offset, little)
  const address = (offset: number): number => (wide ? Number(view.getBigUint64(offset, little)) : view.getUint32(offset, little))

  const table = address(wide ? 0x28 : 0x20)
  const [headerSize, count, namesIndex] = [half(wide ? 0x3a : 0x2e), half(wide ? 0x3c : 0x30), half(wide ? 0x3e : 0x32)]
  const section = (index: number): string => {
    const header = table + index * headerSize
    const [offset, size] = [address(header + (wide ? 0x18 : 0x10)), address(header + (wide ? 0x20 : 0x14))]
    if (offset + size > view.byteLength) throw new RangeError('a section lies beyond the end')
    return Buffer.from(view.buffer, view.byteOffset + offset, size).toString('latin1')
  }
  const names = section(namesIndex)
  for (let index = 1; index < count; index++) {
    const start = view.getUint32(table + index * headerSize, little)
    if (names.startsWith('.modinfo\0', start)) return section(index)
  }
  throw new RangeError('no section .modinfo')
}
