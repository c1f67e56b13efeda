import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join, relative } from 'node:path'
import { promisify } from 'node:util'
import { setTimeout } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { fetchWhenUp, freePort, openWorkshop } from './support.js'

const run = promisify(execFile)

/** Asks until the command succeeds: behind a published port QEMU takes connections before anybody in the machine does. */
async function whenUp<T>(ask: () => Promise<T>, signal: AbortSignal): Promise<T> {
  for (;;) {
    try {
      return await ask()
    } catch (error) {
      if (signal.aborted) throw error
      await setTimeout(500, undefined, { signal })
    }
  }
}

/** What a server says first to `question`. */
function firstAnswer(port: number, question: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(question))
    socket.once('data', (data) => {
      resolve(data.toString())
      socket.destroy()
    })
    socket.once('error', reject)
    socket.once('close', () => reject(new Error('closed without an answer')))
  })
}

it('serves SSH, Redis, metrics, and nginx through WireGuard', async () => {
  await using workshop = await openWorkshop()
  const { directory } = workshop
  const packages = relative(directory, 'pkg')
  const key = join(directory, 'key')
  await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key])
  const example = await readFile('examples/wireguard.yml', 'utf8')
  await writeFile(join(directory, 'wireguard.yml'), example.replaceAll('../pkg/', `${packages}/`))
  await writeFile(
    join(directory, 'servers.yml'),
    `services:
  - name: sshd
    image: "@pkg:${packages}/sshd"
    binds.add: ["/root/.ssh:/root/.ssh"]
  - name: redis
    image: "@pkg:${packages}/redis"
  - name: node_exporter
    image: "@pkg:${packages}/node_exporter"
files:
  - path: root/.ssh/authorized_keys
    source: key.pub
    mode: "0600"
`.replace('key.pub', `${key}.pub`),
  )
  await workshop.build('--arch', 'amd64', '--name', 'servers', join(directory, 'wireguard.yml'), join(directory, 'servers.yml'))
  const [ssh, redis, metrics] = [await freePort(), await freePort(), await freePort()]
  const publish = [`${ssh}:22`, `${redis}:6379`, `${metrics}:9100`].flatMap((one) => ['--publish', one])
  await using machine = workshop.boot('--arch', 'x86_64', '--mem', '1024', ...publish, join(directory, 'servers'))
  const patience = AbortSignal.timeout(300_000)

  await machine.waitFor(/\(ns: getty\) .*# $/)
  const options = ['BatchMode=yes', 'ConnectTimeout=10', 'StrictHostKeyChecking=no', 'UserKnownHostsFile=/dev/null'].flatMap((one) => [
    '-o',
    one,
  ])
  const login = (...argv: string[]) => run('ssh', [...options, '-p', String(ssh), ...argv])
  const { stdout } = await whenUp(() => login('-i', key, 'root@127.0.0.1', 'cat /proc/1/comm; ls /run/netns'), patience)
  expect(stdout).toBe('init\nwg0\nwg1\n')
  await expect(login('-o', 'IdentitiesOnly=yes', 'root@127.0.0.1', 'true')).rejects.toMatchObject({
    stderr: expect.stringContaining('Permission denied (publickey)'),
  })
  expect(await whenUp(() => firstAnswer(redis, 'PING\r\n'), patience)).toBe('+PONG\r\n')
  const response = await fetchWhenUp(`http://127.0.0.1:${metrics}/metrics`, patience)
  expect(await response.text()).toContain('node_filesystem_size_bytes{device="rootfs"')

  // The shell is in the one namespace, nginx in the other.
  machine.write('wget -qO- http://192.168.2.1\n')
  await machine.waitFor(/Welcome to nginx/)
  machine.write('poweroff\n')
  await machine.waitFor(/reboot: Power down/)
})
