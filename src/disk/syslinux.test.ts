import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { bytesContent, readContent } from '../base/content.js'
import { digestOf } from '../base/digest.js'
import { mediumContent } from './extents.js'
import { fatVolume, type FatFile, type FatOptions } from './fat.js'
import { SECTOR_SIZE } from './sectors.js'
import { carveSyslinux, syslinuxVolume } from './syslinux.js'
import { judge, temporaryDirectory, writeRaw } from './test-support.js'

const PROGRAM = '/usr/bin/syslinux'

const noise = (size: number): Buffer => createHash('shake256', { outputLength: size }).update('noise').digest()
const files: readonly FatFile[] = [{ path: 'kernel', content: bytesContent(noise(1_000_000)) }]
const configuration = { kernel: 'kernel', initrd: 'initrd.img', commandLine: 'console=ttyS0\n  quiet\n' }

function setNextFreeCluster(image: string, cluster: number): void {
  const bytes = readFileSync(image)
  bytes.writeUInt32LE(cluster, SECTOR_SIZE + 492)
  writeFileSync(image, bytes)
}

// Debian has the program for this architecture alone.
describe.runIf(process.arch === 'x64')('syslinux', () => {
  test.each([16, 32] as const)('is installed on FAT%d as its installer does it', async (type) => {
    const options: FatOptions = { id: 7, label: 'TEST', types: [type], hiddenSectors: 2048 }
    using directory = temporaryDirectory()
    const [own, theirs] = [directory.path('own'), directory.path('theirs')]
    const volume = syslinuxVolume(carveSyslinux(readFileSync(PROGRAM)), configuration, files, options)
    await writeRaw(own, volume)
    judge('fsck.fat', '-vn', own)

    // An empty volume of the same geometry, in which the installer puts its files where ours are if it starts to look at the first cluster.
    await writeRaw(theirs, fatVolume([], { ...options, leastSize: volume.size }))
    if (type === 32) setNextFreeCluster(theirs, 2)
    judge(PROGRAM, '--install', theirs)
    for (const name of ['ldlinux.sys', 'ldlinux.c32']) {
      const [ours, judged] = [own, theirs].map((image, index) => {
        const copy = directory.path(`${name}-${index}`)
        judge('mcopy', '-i', image, `::${name}`, copy)
        return digestOf(readFileSync(copy))
      })
      expect(ours).toBe(judged)
    }
    const [ours, judged] = [own, theirs].map((image) => {
      const sector = readFileSync(image).subarray(0, SECTOR_SIZE)
      // Where FAT16 has a rest of code that the installer leaves behind and jumps over.
      return (type === 16 ? sector.fill(0, 62, 90) : sector).toString('hex')
    })
    expect(ours).toBe(judged)
    expect(judge('mattrib', '-i', own, '::ldlinux.sys')).toMatch(/A +SHR/)
    expect(judge('mtype', '-i', own, '::syslinux.cfg')).toBe(
      'DEFAULT linux\nLABEL linux\n  KERNEL /kernel\n  INITRD /initrd.img\n  APPEND console=ttyS0 quiet\n',
    )
  })

  test('is asked for in FAT32 by both boot sectors', async () => {
    const volume = syslinuxVolume(carveSyslinux(readFileSync(PROGRAM)), configuration, files, { id: 7, label: 'TEST', types: [32] })
    const bytes = await readContent(mediumContent(volume))
    expect(bytes.subarray(0, SECTOR_SIZE).equals(bytes.subarray(6 * SECTOR_SIZE, 7 * SECTOR_SIZE))).toBe(true)
  })

  test('that is cut off is refused', () => {
    const program = readFileSync(PROGRAM)
    const { bootSector, loader, module } = carveSyslinux(program)
    const cut = (end: number) => () => carveSyslinux(program.subarray(0, end))
    const lacking = (what: string) => expect.objectContaining({ code: 'disk/no-syslinux', message: expect.stringContaining(what) })
    expect(cut(program.indexOf(module) + module.length - 1)).toThrow(lacking('the end of "ldlinux.c32"'))
    expect(cut(program.indexOf(module) + 10)).toThrow(lacking('"ldlinux.c32"'))
    expect(cut(program.indexOf(loader) + 10)).toThrow(lacking('"ldlinux.sys"'))
    expect(cut(program.indexOf(bootSector) + 10)).toThrow(lacking('its boot sector'))
  })
})

test('what is not syslinux', () => {
  expect(() => carveSyslinux(Buffer.alloc(1000))).toThrow(expect.objectContaining({ code: 'disk/no-syslinux' }))
})
