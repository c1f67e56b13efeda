import { describe, expect, test } from 'vitest'
import { qemuArguments, type MachineDescription } from './argv.js'

const linux = { arch: 'amd64', platform: 'linux' } as const

const kernelBoot: MachineDescription = {
  arch: 'amd64',
  host: linux,
  cpus: 1,
  memory: 1024,
  uuid: 'U',
  pidFile: 'img-state/qemu.pid',
  accelerator: 'kvm:tcg',
  boot: { kind: 'kernel', kernel: 'img-kernel', initrd: 'img-initrd.img', cmdline: 'console=ttyS0' },
  disks: [],
  networking: { mode: 'user', publish: [] },
  macAddress: 'M',
  gui: false,
  usb: false,
  devices: [],
  shareSockets: [],
}

function line(changes: Partial<MachineDescription>): string {
  return qemuArguments({ ...kernelBoot, ...changes }).join(' ')
}

describe('the command line of QEMU', () => {
  test('has all its parts in the order that LinuxKit has', () => {
    const argv = line({
      cpus: 2,
      memory: 2048,
      disks: [
        { path: 'img-state/disk.img', sizeMiB: 1024, format: 'qcow2' },
        { path: 'd2.img', sizeMiB: 100, format: 'raw' },
      ],
      networking: {
        mode: 'user',
        publish: [
          { host: 8080, guest: 80, protocol: 'tcp' },
          { host: 53, guest: 53, protocol: 'udp' },
        ],
      },
      userDataIso: 'img-state/data.iso',
      usb: true,
      devices: ['usb-host,vendorid=1'],
    })
    expect(argv).toBe(
      '-smp 2 -m 2048 -uuid U -pidfile img-state/qemu.pid -machine q35,accel=kvm:tcg ' +
        '-object rng-random,id=rng0,filename=/dev/urandom -device virtio-rng-pci,rng=rng0 ' +
        '-drive file=img-state/disk.img,format=qcow2,index=0,media=disk -drive file=d2.img,format=raw,index=1,media=disk ' +
        '-cdrom img-state/data.iso -kernel img-kernel -initrd img-initrd.img -append console=ttyS0 ' +
        '-device virtio-net-pci,netdev=t0,mac=M -netdev user,id=t0,hostfwd=tcp::8080-:80,hostfwd=udp::53-:53 ' +
        '-nographic -usb -device usb-host,vendorid=1',
    )
  })

  test('names machine and processor of each architecture', () => {
    const machine = (changes: Partial<MachineDescription>) => /(-cpu \S+ )?-machine \S+/.exec(line(changes))?.[0]
    expect(machine({})).toBe('-machine q35,accel=kvm:tcg')
    expect(machine({ accelerator: '' })).toBe('-cpu qemu64,cx16=off -machine q35')
    expect(machine({ arch: 'arm64', accelerator: '' })).toBe('-cpu cortex-a57 -machine virt')
    expect(machine({ arch: 'arm64', accelerator: 'tcg' })).toBe('-cpu cortex-a57 -machine virt,accel=tcg')
    const arm = { arch: 'arm64', platform: 'linux' } as const
    expect(machine({ arch: 'arm64', host: arm })).toBe('-cpu host -machine virt,gic_version=host,accel=kvm:tcg')
    expect(machine({ arch: 'arm64', host: arm, accelerator: '' })).toBe('-cpu cortex-a57 -machine virt')
    const mac = { arch: 'arm64', platform: 'darwin' } as const
    expect(machine({ arch: 'arm64', host: mac, accelerator: 'hvf:tcg' })).toBe('-cpu host -machine virt,highmem=off,accel=hvf:tcg')
    expect(machine({ arch: 'riscv64', accelerator: '' })).toBe('-machine virt')
    expect(machine({ arch: 's390x', accelerator: 'kvm' })).toBe('-machine s390-ccw-virtio,accel=kvm')
  })

  test('uses channel I/O on s390x and no /dev/urandom where there is none', () => {
    expect(line({ arch: 's390x' })).toContain('-device virtio-rng-ccw,rng=rng0')
    expect(line({ arch: 's390x' })).toContain('-device virtio-net-ccw,netdev=t0,mac=M')
    expect(line({ host: { arch: 'amd64', platform: 'darwin' } })).not.toContain('rng')
    expect(line({ host: { arch: 'amd64', platform: 'win32' } })).toContain('-object rng-random,id=rng0 ')
  })

  test('keeps drive 2 free for the CD', () => {
    const disks = ['a', 'b', 'c', 'd'].map((path) => ({ path }))
    const drives = (changes: Partial<MachineDescription>) => line(changes).match(/(-drive \S+|-cdrom \S+|-boot d)/g)
    expect(drives({ disks })).toEqual([0, 1, 2, 3].map((index) => `-drive file=${'abcd'[index]},index=${index},media=disk`))
    const shifted = [0, 1, 3, 4].map((index, disk) => `-drive file=${'abcd'[disk]},index=${index},media=disk`)
    expect(drives({ disks, userDataIso: 'data.iso' })).toEqual([...shifted, '-cdrom data.iso'])
    expect(drives({ disks, userDataIso: 'data.iso', boot: { kind: 'iso', path: 'x.iso' } })).toEqual([
      ...shifted,
      '-boot d',
      '-cdrom x.iso',
      '-drive file=data.iso,index=5,media=cdrom',
    ])
    expect(drives({ userDataIso: 'data.iso', boot: { kind: 'iso', path: 'x.iso' } })).toEqual([
      '-boot d',
      '-cdrom x.iso',
      '-drive file=data.iso,index=3,media=cdrom',
    ])
  })

  test('boots a disk through virtio, and leaves the names of the others as they are', () => {
    const disk = (changes: Partial<MachineDescription>) => line(changes).match(/-drive \S+( -device virtio-blk\S+)?/g)
    const boot = { kind: 'disk', path: 'x,y.qcow2', format: 'qcow2' } as const
    expect(disk({ boot, disks: [{ path: 'd' }] })).toEqual([
      '-drive file=x,,y.qcow2,format=qcow2,if=none,id=boot -device virtio-blk-pci,drive=boot,bootindex=0',
      '-drive file=d,index=0,media=disk',
    ])
    expect(disk({ boot: { ...boot, format: undefined } })?.[0]).toContain('-drive file=x,,y.qcow2,if=none,id=boot ')
    expect(disk({ boot, arch: 's390x' })?.[0]).toContain('-device virtio-blk-ccw,drive=boot,bootindex=0')
    expect(line({ boot })).not.toContain('-kernel')
  })

  test('gives a kernel its root, and tells it which disk that is', () => {
    const boot = { kind: 'root', kernel: 'k', root: 's', initrd: undefined, cmdline: 'quiet' } as const
    expect(line({ boot })).toContain('-drive file=s,format=raw,readonly=on,if=none,id=boot -device virtio-blk-pci,drive=boot -kernel')
    expect(qemuArguments({ ...kernelBoot, boot })).toContain('quiet root=/dev/vda')
    expect(qemuArguments({ ...kernelBoot, boot: { ...boot, cmdline: undefined } })).toContain('root=/dev/vda')
    expect(line({ boot })).not.toContain('-initrd')
    expect(line({ boot: { ...boot, initrd: 'i' } })).toContain('-kernel k -initrd i -append quiet root=/dev/vda')
  })

  test('lets firmware start a program', () => {
    const argv = line({ boot: { kind: 'program', path: 'x.efi' }, flash: { code: 'CODE', variables: 'VARS' } })
    expect(argv).toContain('file=VARS -kernel x.efi -device virtio-net')
  })

  test('attaches CDs through SCSI where there is no IDE', () => {
    expect(line({ arch: 'arm64', userDataIso: 'data.iso' })).toContain(
      '-device virtio-scsi-pci -device scsi-cd,drive=cd1 -drive file=data.iso,format=raw,if=none,id=cd1',
    )
    expect(line({ arch: 's390x', userDataIso: 'data.iso' })).toContain('-device virtio-scsi-ccw -device scsi-cd,drive=cd1')
    expect(line({ arch: 'arm64', userDataIso: 'data.iso', boot: { kind: 'iso', path: 'x.iso' } })).toMatch(
      /-boot d .*scsi-cd,drive=cd1,bootindex=0 -drive file=x\.iso,.*scsi-cd,drive=cd2,bootindex=1 -drive file=data\.iso,/,
    )
  })

  test('keeps installed firmware read-only', () => {
    expect(line({ flash: { code: 'CODE', variables: 'VARS' } })).toContain(
      '-drive if=pflash,format=raw,unit=0,readonly=on,file=CODE -drive if=pflash,format=raw,unit=1,file=VARS',
    )
    expect(line({ flash: { combined: 'FW' } })).toContain('-drive if=pflash,format=raw,file=FW')
  })

  test('lets Linux trust the timer of an emulated PC', () => {
    const boot = { kind: 'kernel', kernel: 'k', initrd: 'i', cmdline: 'quiet' } as const
    expect(qemuArguments({ ...kernelBoot, boot, accelerator: 'tcg' })).toContain('quiet no_timer_check')
    expect(qemuArguments({ ...kernelBoot, boot, accelerator: 'tcg', arch: 'arm64' })).toContain('quiet')
  })

  test('passes the command line as it is, or none', () => {
    const boot = { kind: 'kernel', kernel: 'k', initrd: 'i', cmdline: ' a  b\n' } as const
    expect(qemuArguments({ ...kernelBoot, boot })).toContain(' a  b\n')
    expect(qemuArguments({ ...kernelBoot, boot: { ...boot, cmdline: undefined } })).not.toContain('-append')
  })

  test('attaches the network in every mode', () => {
    expect(line({ networking: { mode: 'none' } })).toContain('-net none -nographic')
    expect(line({ networking: { mode: 'tap', name: 'tap0' } })).toContain('-netdev tap,id=t0,ifname=tap0,script=no,downscript=no')
    expect(line({ networking: { mode: 'bridge', name: 'br0' } })).toContain('-netdev bridge,id=t0,br=br0')
  })

  test('has a window, or shares, when asked to', () => {
    expect(line({ gui: true })).not.toContain('-nographic')
    expect(line({ shareSockets: ['s/virtiofs0', 's/virtiofs1'] })).toMatch(
      /-nographic -object memory-backend-memfd,id=mem,size=1024M,share=on -numa node,memdev=mem -chardev socket,id=char0,path=s\/virtiofs0 -device vhost-user-fs-pci,chardev=char0,tag=virtiofs0 -chardev socket,id=char1,path=s\/virtiofs1 -device vhost-user-fs-pci,chardev=char1,tag=virtiofs1$/,
    )
  })
})
