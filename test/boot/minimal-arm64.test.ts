import { expect, it } from 'vitest'
import { openWorkshop } from './support.js'

it('builds examples/minimal.yml for arm64 on any host and boots it to a shell', async () => {
  await using workshop = await openWorkshop()
  await workshop.build('--arch', 'arm64', 'examples/minimal.yml')
  await using machine = workshop.boot('--arch', 'aarch64', '--mem', '1024', `${workshop.directory}/minimal`)

  await machine.waitFor(/Welcome to LinuxKit/)
  await machine.waitFor(/eth0: leased 10\.0\.2\.15/)
  await machine.waitFor(/\(ns: getty\) .*# $/)
  machine.write('uname -m\n')
  await machine.waitFor(/^aarch64/)
  machine.write('poweroff\n')
  await machine.waitFor(/reboot: Power down/)
  expect(await machine.exited).toMatchObject({ status: 0 })
})
