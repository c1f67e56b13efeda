import { afterAll, beforeAll, expect, it } from 'vitest'
import { fetchWhenUp, freePort, openWorkshop, type Workshop } from './support.js'

const PROMPT = /\(ns: getty\) .*# $/

let workshop: Workshop
beforeAll(async () => {
  workshop = await openWorkshop()
})
afterAll(() => workshop[Symbol.asyncDispose]())

it.each(['--compress zstd', '--compress gzip', '--root squashfs', '--root erofs'])(
  'builds examples/linuxkit.yml with %s and boots it to a server with a shell that shuts down cleanly',
  async (flags) => {
    await workshop.build('--arch', 'amd64', ...flags.split(' '), 'examples/linuxkit.yml')
    const port = await freePort()
    await using machine = workshop.boot('--arch', 'x86_64', '--mem', '1024', '--publish', `${port}:80`, `${workshop.directory}/linuxkit`)

    await machine.waitFor(/Welcome to LinuxKit/)
    await machine.waitFor(/onboot 000-sysctl: from/)
    await machine.waitFor(/eth0: leased 10\.0\.2\.15/)
    await machine.waitFor(PROMPT)

    machine.write('cat /proc/sys/fs/inotify/max_user_watches\n')
    await machine.waitFor(/^524288/)

    // Published by QEMU's own network, so that an answer says that lease, route and service are there.
    const response = await fetchWhenUp(`http://127.0.0.1:${port}/`, AbortSignal.timeout(120_000))
    expect(response.status).toBe(200)
    expect(await response.text()).toContain('nginx')

    machine.write('ctr -n services.linuxkit tasks ls | sort\n')
    await machine.waitFor(/^getty\s+\d+\s+RUNNING/)
    await machine.waitFor(/^nginx\s+\d+\s+RUNNING/)

    machine.write('cat /hostroot/etc/linuxkit-config\n')
    await machine.waitFor(/farewell/)

    machine.write('poweroff\n')
    await machine.waitFor(/so long and thanks for all the fish/)
    await machine.waitFor(/reboot: Power down/)
    expect(await machine.exited).toMatchObject({ status: 0, signal: null })
  },
)
