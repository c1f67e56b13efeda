import { bytesContent, concatContents, readAll, type Content } from '../base/content.js'
import { LinuxkitError } from '../base/errors.js'
import { singleLine } from './command-line.js'
import { zeros } from './extents.js'
import { roundUp } from './sectors.js'

export interface UnifiedKernelParts {
  /** systemd's `linuxx64.efi.stub` or that of another architecture, which starts the kernel with what stands beside it. */
  readonly stub: Buffer
  /** Text in the form of /etc/os-release, from which boot loaders take the name of the entry. */
  readonly osRelease: string
  readonly commandLine: string
  /** Release of the kernel (`uname -r`), for whoever lists such images. */
  readonly release?: string
  /** Not compressed but by itself: a file that EFI could start too. */
  readonly kernel: Content
  readonly initrd?: Content | undefined
  /** In bytes: kernel and initrd begin at multiples of it in the file. A multiple of 512, which is the default. */
  readonly alignment?: number
}

/** An EFI program that holds a kernel and what it needs. */
export interface UnifiedKernel {
  readonly content: Content
  /** Where in the file the kernel begins. */
  readonly kernelOffset: number
  /** Where in the file the initrd begins, if there is one. */
  readonly initrdOffset: number | undefined
}

/** A stub, read as far as sections are concerned (Microsoft PE format, "COFF File Header", "Optional Header", "Section Table"). */
interface Stub {
  /** Where the fields begin, in bytes of the file. */
  readonly coffHeader: number
  readonly optionalHeader: number
  readonly sectionTable: number
  readonly sectionAlignment: number
  readonly fileAlignment: number
  readonly headersSize: number
  readonly sections: readonly Section[]
}

interface Section {
  readonly virtualSize: number
  readonly virtualAddress: number
  readonly rawSize: number
  readonly rawOffset: number
}

const SECTION_HEADER_SIZE = 40
const COFF = { sections: 2, symbolTable: 8, symbols: 12, optionalHeaderSize: 16, size: 20 } as const
const OPTIONAL = { initializedData: 8, sectionAlignment: 32, fileAlignment: 36, imageSize: 56, headersSize: 60, checksum: 64 } as const
const PE32_PLUS = 0x20b

/** Initialised data that can be read. */
const CHARACTERISTICS = 0x40000040

const LARGEST = 2 ** 32 - 1

/**
 * A unified kernel image (UAPI group specification 5): the stub with sections added to it. Kernel and initrd are not read but for the first bytes of the
 * kernel, hence the checksum in the header is 0, which EFI never looks at.
 * @throws {LinuxkitError} `disk/bad-stub`, `disk/kernel-not-efi`, `disk/file-too-large`
 */
export async function unifiedKernel(parts: UnifiedKernelParts): Promise<UnifiedKernel> {
  await checkKernel(parts.kernel)
  const stub = readStub(parts.stub)
  const text = (value: string): Content => bytesContent(Buffer.from(value))
  const wanted: [name: string, content: Content, alignment: number][] = [
    ['.osrel', text(parts.osRelease), stub.fileAlignment],
    ['.cmdline', text(singleLine(parts.commandLine)), stub.fileAlignment],
  ]
  if (parts.release !== undefined) wanted.push(['.uname', text(parts.release), stub.fileAlignment])
  const alignment = Math.max(parts.alignment ?? 0, stub.fileAlignment)
  if (parts.initrd !== undefined) wanted.push(['.initrd', parts.initrd, alignment])
  // Last, as some kernels unpack themselves in place and beyond their end.
  wanted.push(['.linux', parts.kernel, alignment])
  // A section of nothing would lie where the next one lies.
  const additions = wanted.filter(([, content]) => content.size > 0)

  const head = withRoom(parts.stub, stub, additions.length)
  let fileEnd = head.length
  let virtualEnd = Math.max(
    ...stub.sections.map(({ virtualAddress, virtualSize, rawSize }) => virtualAddress + Math.max(virtualSize, rawSize)),
  )
  let initialized = head.readUInt32LE(stub.optionalHeader + OPTIONAL.initializedData)
  const contents: Content[] = []
  const sections: (Section & { readonly name: string })[] = []
  for (const [index, [name, content, sectionAlignment]] of additions.entries()) {
    const rawOffset = roundUp(fileEnd, sectionAlignment)
    // A gap between sections would belong to nobody, and signing tools warn of that.
    const previous = sections.at(-1)
    if (previous !== undefined) sections[index - 1] = { ...previous, rawSize: rawOffset - previous.rawOffset }
    const virtualAddress = roundUp(virtualEnd, stub.sectionAlignment)
    const rawSize = roundUp(content.size, stub.fileAlignment)
    sections.push({ name, virtualSize: content.size, virtualAddress, rawSize, rawOffset })
    contents.push(zeros(rawOffset - fileEnd), content, zeros(rawSize - content.size))
    fileEnd = rawOffset + rawSize
    virtualEnd = virtualAddress + content.size
    initialized += rawSize
  }
  const imageSize = roundUp(virtualEnd, stub.sectionAlignment)
  if (Math.max(fileEnd, imageSize, initialized) > LARGEST) {
    throw new LinuxkitError(
      'disk/file-too-large',
      'kernel and initrd together must be smaller than 4 GiB for an EFI program that holds both',
      {
        hint: 'make the image smaller',
      },
    )
  }
  for (const [index, section] of sections.entries()) {
    writeSection(head, stub.sectionTable + (stub.sections.length + index) * SECTION_HEADER_SIZE, section)
  }
  head.writeUInt16LE(stub.sections.length + sections.length, stub.coffHeader + COFF.sections)
  head.writeUInt32LE(initialized, stub.optionalHeader + OPTIONAL.initializedData)
  head.writeUInt32LE(imageSize, stub.optionalHeader + OPTIONAL.imageSize)
  head.writeUInt32LE(0, stub.optionalHeader + OPTIONAL.checksum)
  const offsetOf = (wanted: string): number | undefined => sections.find(({ name }) => name === wanted)?.rawOffset
  return {
    content: concatContents([bytesContent(head), ...contents]),
    kernelOffset: offsetOf('.linux') ?? 0,
    initrdOffset: offsetOf('.initrd'),
  }
}

async function checkKernel(kernel: Content): Promise<void> {
  const start = await readAll(kernel.open({ start: 0, end: Math.min(2, kernel.size) }), 2)
  if (start.toString('latin1') === 'MZ') return
  const compressed = start.equals(Buffer.of(0x1f, 0x8b))
  throw new LinuxkitError('disk/kernel-not-efi', `the kernel cannot be started by EFI${compressed ? ': it is compressed with gzip' : ''}`, {
    hint: compressed ? 'unpack it' : 'use a kernel that was built with CONFIG_EFI_STUB=y',
  })
}

function readStub(file: Buffer): Stub {
  try {
    const header = file.readUInt32LE(0x3c)
    const coffHeader = header + 4
    const optionalHeader = coffHeader + COFF.size
    if (file.toString('latin1', header, coffHeader) !== 'PE\0\0' || file.readUInt16LE(optionalHeader) !== PE32_PLUS) throw badStub()
    const sectionTable = optionalHeader + file.readUInt16LE(coffHeader + COFF.optionalHeaderSize)
    const sections = Array.from({ length: file.readUInt16LE(coffHeader + COFF.sections) }, (_, index) => {
      const at = sectionTable + index * SECTION_HEADER_SIZE
      return {
        virtualSize: file.readUInt32LE(at + 8),
        virtualAddress: file.readUInt32LE(at + 12),
        rawSize: file.readUInt32LE(at + 16),
        rawOffset: file.readUInt32LE(at + 20),
      }
    })
    if (sections.length === 0 || sections.some(({ rawOffset, rawSize }) => rawOffset + rawSize > file.length)) throw badStub()
    return {
      coffHeader,
      optionalHeader,
      sectionTable,
      sectionAlignment: file.readUInt32LE(optionalHeader + OPTIONAL.sectionAlignment),
      fileAlignment: file.readUInt32LE(optionalHeader + OPTIONAL.fileAlignment),
      headersSize: file.readUInt32LE(optionalHeader + OPTIONAL.headersSize),
      sections,
    }
  } catch (error) {
    if (error instanceof RangeError) throw badStub(error)
    throw error
  }
}

function badStub(cause?: unknown): LinuxkitError {
  return new LinuxkitError('disk/bad-stub', 'the stub for kernels that EFI starts is damaged, or not a program for EFI', {
    hint: 'use the one of the Debian package "systemd-boot-efi"',
    cause,
  })
}

/** The stub up to the end of its last section, with room for the headers of more; symbols behind that are dropped. */
function withRoom(file: Buffer, stub: Stub, additions: number): Buffer {
  const { sections, fileAlignment, headersSize, sectionTable, coffHeader, optionalHeader } = stub
  const stored = sections.filter(({ rawOffset }) => rawOffset > 0)
  const firstRaw = Math.min(...stored.map(({ rawOffset }) => rawOffset))
  const lastRaw = Math.max(...stored.map(({ rawOffset, rawSize }) => rawOffset + rawSize))
  const tableEnd = sectionTable + (sections.length + additions) * SECTION_HEADER_SIZE
  const headers = Math.max(headersSize, roundUp(tableEnd, fileAlignment))
  // Headers are mapped into memory too, from its beginning.
  if (headers > Math.min(...sections.map(({ virtualAddress }) => virtualAddress))) throw badStub()
  const shift = roundUp(Math.max(0, tableEnd - firstRaw), fileAlignment)

  const head = Buffer.concat([file.subarray(0, firstRaw), Buffer.alloc(shift), file.subarray(firstRaw, lastRaw)])
  for (const [index, { rawOffset }] of sections.entries()) {
    if (rawOffset > 0) head.writeUInt32LE(rawOffset + shift, sectionTable + index * SECTION_HEADER_SIZE + 20)
  }
  head.writeUInt32LE(headers, optionalHeader + OPTIONAL.headersSize)
  head.writeUInt32LE(0, coffHeader + COFF.symbolTable)
  head.writeUInt32LE(0, coffHeader + COFF.symbols)
  return head
}

function writeSection(file: Buffer, at: number, section: Section & { readonly name: string }): void {
  file.fill(0, at, at + SECTION_HEADER_SIZE)
  file.write(section.name, at, 'latin1')
  file.writeUInt32LE(section.virtualSize, at + 8)
  file.writeUInt32LE(section.virtualAddress, at + 12)
  file.writeUInt32LE(section.rawSize, at + 16)
  file.writeUInt32LE(section.rawOffset, at + 20)
  file.writeUInt32LE(CHARACTERISTICS, at + 36)
}
