import { open, readFile, truncate, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { expect, it } from 'vitest'
import { openWorkshop } from './support.js'

const PROMPT = /\(ns: getty\) .*# $/
const MIB = 1 << 20

/** Whether a file holds the text, wherever its end of a read falls. */
async function contains(path: string, text: string): Promise<boolean> {
  await using file = await open(path)
  let tail = Buffer.alloc(0)
  for await (const chunk of file.createReadStream({ highWaterMark: MIB, autoClose: false }) as AsyncIterable<Buffer>) {
    const window = Buffer.concat([tail, chunk])
    if (window.includes(text)) return true
    tail = window.subarray(-text.length)
  }
  return false
}

it('keeps files on a disk, in the open and encrypted, swaps to it, and takes it as it grows', async () => {
  await using workshop = await openWorkshop()
  const { directory } = workshop
  const packages = relative(directory, 'pkg')
  const example = await readFile('examples/dm-crypt-loop.yml', 'utf8')
  await writeFile(join(directory, 'dm-crypt-loop.yml'), example.replaceAll('../pkg/', `${packages}/`))
  await writeFile(
    join(directory, 'before.yml'),
    `onboot:
  - name: sysfs
    image: "@pkg:${packages}/sysfs"
  - name: extend
    image: "@pkg:${packages}/extend"
`,
  )
  await writeFile(
    join(directory, 'after.yml'),
    `onboot:
  - name: plain
    image: "@pkg:${packages}/busybox"
    binds: ["/var:/var"]
    command: ["/bin/sh", "-c", "cat /var/external/message 2> /dev/null || echo 'everybody reads this on the disk' > /var/external/message"]
  - name: swap
    image: "@pkg:${packages}/swap"
    command: ["/swap.sh", "--path", "/var/external/swap", "--size", "32M", "--encrypt", "--condition", "partsize:/var/external:100M"]
  - name: noswap
    image: "@pkg:${packages}/swap"
    command: ["/swap.sh", "--path", "/var/elsewhere/swap", "--size", "32M", "--condition", "part:/var/elsewhere"]
`,
  )
  const ymls = ['before', 'dm-crypt-loop', 'after'].map((name) => join(directory, `${name}.yml`))
  await workshop.build('--arch', 'amd64', '--name', 'storage', ...ymls)
  const disk = join(directory, 'disk.img')
  const boot = () =>
    workshop.boot('--arch', 'x86_64', '--mem', '1024', '--disk', `file=${disk},size=256M,format=raw`, join(directory, 'storage'))

  {
    await using machine = boot()
    await machine.waitFor(/No partition table found on device \/dev\/sda\. Skipping\./)
    await machine.waitFor(/Partition \/dev\/sda1 successfully created!/)
    await machine.waitFor(/nothing is mounted on \/var\/elsewhere: no swap/)
    await machine.waitFor(PROMPT)
    machine.write('cat /sys/kernel/mm/transparent_hugepage/enabled\n')
    await machine.waitFor(/\[madvise\]/)
    machine.write('cat /sys/block/loop0/loop/backing_file; grep -c . /proc/swaps\n')
    await machine.waitFor(/^\/storage_file/)
    await machine.waitFor(/^2/)
    machine.write('cat /proc/swaps; grep /var/ /proc/1/mounts\n')
    await machine.waitFor(/^\/mapper\/swapfile\s+partition\s+32764\s/)
    await machine.waitFor(/^\/dev\/sda1 \/var\/external ext4 /)
    await machine.waitFor(/^\/dev\/mapper\/crypt_loop_dev \/var\/secure_storage ext4 /)
    machine.write('poweroff\n')
    await machine.waitFor(/reboot: Power down/)
    expect(await machine.exited).toMatchObject({ status: 0 })
  }
  expect(await contains(disk, 'everybody reads this on the disk')).toBe(true)
  expect(await contains(disk, 'nobody reads this on the disk')).toBe(false)

  await truncate(disk, 512 * MIB)
  {
    await using machine = boot()
    await machine.waitFor(/Successfully resized \/dev\/sda/)
    await machine.waitFor(/No eligible disks found/)
    await machine.waitFor(/^nobody reads this on the disk/)
    await machine.waitFor(/^everybody reads this on the disk/)
    await machine.waitFor(PROMPT)
    machine.write('cat /sys/block/sda/sda1/size; grep mapper /proc/swaps\n')
    await machine.waitFor(/^1046528/)
    await machine.waitFor(/^\/mapper\/swapfile\s+partition/)
    machine.write('poweroff\n')
    await machine.waitFor(/reboot: Power down/)
    expect(await machine.exited).toMatchObject({ status: 0 })
  }
})
