/** For tests: what a kernel module is made of, as far as depmod looks. */
export interface TestModule {
  readonly info: readonly string[]
  readonly exports?: readonly string[]
  readonly imports?: readonly string[]
  readonly bits?: 32 | 64
  readonly bigEndian?: boolean
}

interface Section {
  readonly name: string
  readonly type: number
  readonly data: Buffer
  readonly link?: number
  readonly entrySize?: number
}

const [PROGBITS, SYMTAB, STRTAB] = [1, 2, 3]

/** Makes an ELF object file with `.modinfo`, exported symbols and undefined ones (System V ABI, chapter 4). */
export function testModule({ info, exports = [], imports = [], bits = 64, bigEndian = false }: TestModule): Buffer {
  const wide = bits === 64
  const number = (size: number, value: number): Buffer => {
    const bytes = Buffer.alloc(size)
    const low = Math.min(size, 6)
    if (bigEndian) bytes.writeUIntBE(value, size - low, low)
    else bytes.writeUIntLE(value, 0, low)
    return bytes
  }
  const half = (value: number): Buffer => number(2, value)
  const word = (value: number): Buffer => number(4, value)
  const address = (value: number): Buffer => number(wide ? 8 : 4, value)
  const strings = (list: readonly string[]): Buffer => Buffer.from(list.map((text) => `${text}\0`).join(''))

  const offsets = (list: readonly string[]): readonly number[] => list.map((_, index) => strings(list.slice(0, index)).length)
  const symbolNames = ['', ...imports]
  const symbols = offsets(symbolNames).map((name) =>
    wide
      ? Buffer.concat([word(name), Buffer.from([name === 0 ? 0 : 0x10, 0]), half(0), address(0), address(0)])
      : Buffer.concat([word(name), address(0), address(0), Buffer.from([name === 0 ? 0 : 0x10, 0]), half(0)]),
  )
  const sections: Section[] = [
    { name: '', type: 0, data: Buffer.alloc(0) },
    { name: '.modinfo', type: PROGBITS, data: strings(info) },
    { name: '__ksymtab_strings', type: PROGBITS, data: strings(exports) },
    { name: '.symtab', type: SYMTAB, data: Buffer.concat(symbols), link: 4, entrySize: wide ? 24 : 16 },
    { name: '.strtab', type: STRTAB, data: strings(symbolNames) },
  ]
  const names = [...sections.map(({ name }) => name), '.shstrtab']
  sections.push({ name: '.shstrtab', type: STRTAB, data: strings(names) })

  const headerSize = wide ? 64 : 52
  const bodies = Buffer.concat(sections.map(({ data }) => data))
  const table = headerSize + bodies.length
  let position = headerSize
  const nameOffsets = offsets(names)
  const headers = sections.map(({ type, data, link = 0, entrySize = 0 }, index) => {
    const start = position
    position += data.length
    const fields = [word(nameOffsets[index] ?? 0), word(type), address(0), address(0), address(start), address(data.length)]
    return Buffer.concat([...fields, word(link), word(index === 3 ? 1 : 0), address(1), address(entrySize)])
  })
  const header = Buffer.concat([
    Buffer.from([0x7f, 0x45, 0x4c, 0x46, wide ? 2 : 1, bigEndian ? 2 : 1, 1]),
    Buffer.alloc(9),
    half(1),
    half(wide ? 62 : 3),
    word(1),
    address(0),
    address(0),
    address(table),
    word(0),
    half(headerSize),
    half(0),
    half(0),
    half(wide ? 64 : 40),
    half(sections.length),
    half(sections.length - 1),
  ])
  return Buffer.concat([header, bodies, ...headers])
}
