import { execFile } from 'node:child_process'
import { mkdir, readdir, truncate, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { startMachine } from '../../src/platform/qemu/machine.js'
import { markerImage, openWorkshop } from './support.js'

const run = promisify(execFile)

/** QEMU takes cards whose size is a power of two. */
const CARD_SIZE = 128 << 20
const FIRST_SECTOR = 2048

/** What docs/formats.md tells to do with the tar: a FAT32 partition with its files. */
async function makeCard(directory: string, card: string): Promise<void> {
  await writeFile(card, '')
  await truncate(card, CARD_SIZE)
  await run('sh', ['-c', `echo 'start=${FIRST_SECTOR}, type=0c' | sfdisk --quiet "${card}"`])
  const partition = `${card}@@${FIRST_SECTOR * 512}`
  await run('mformat', ['-i', partition, '-F', '-T', String(CARD_SIZE / 512 - FIRST_SECTOR), '::'])
  const names = (await readdir(directory)).map((name) => join(directory, name))
  await run('mcopy', ['-i', partition, '-s', ...names, '::/'])
}

// QEMU has none of the Raspberry Pi's firmware, which would start U-Boot; from there on it is as on the machine.
it('boots an SD card of the format rpi3 by its U-Boot', async () => {
  await using workshop = await openWorkshop()
  const { directory } = workshop
  const yml = join(directory, 'pi.yml')
  await writeFile(yml, markerImage(relative(directory, 'pkg'), 'none', ''))
  await workshop.build('--arch', 'arm64', '--format', 'rpi3', yml)
  const files = join(directory, 'files')
  await mkdir(files)
  await run('tar', ['-xf', join(directory, 'pi.tar'), '-C', files])
  const card = join(directory, 'card.img')
  await makeCard(files, card)

  const machine = ['-M', 'raspi3b', '-kernel', join(files, 'u-boot.bin'), '-dtb', join(files, 'dtb/broadcom/bcm2837-rpi-3-b.dtb')]
  // The first serial port is that of Bluetooth, the second one is on the pins.
  const ports = ['-display', 'none', '-serial', 'null', '-serial', 'stdio']
  await using pi = startMachine(
    { program: 'qemu-system-aarch64', arguments: [...machine, '-drive', `file=${card},format=raw,if=sd`, ...ports] },
    { console: 'program', onOutput: (chunk) => void process.stdout.write(chunk) },
  )
  await pi.waitFor(/Booting kernel from Legacy Image/)
  expect(await pi.waitFor(/Welcome to LinuxKit/)).toBe('Welcome to LinuxKit')
})
