import { readFile, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { expect, it } from 'vitest'
import { openWorkshop } from './support.js'

/** A cloud of one file each, served on the address that clouds have. */
const CLOUD = {
  'meta-data/hostname': 'cloud-host',
  'meta-data/instance-id': 'i-4711',
  'meta-data/public-keys/0/openssh-key': 'ssh-ed25519 AAAA somebody',
  'user-data': '#!/bin/sh',
}

const USER_DATA = JSON.stringify({
  hostname: { content: 'data-host\n' },
  app: { entries: { secret: { perm: '0600', content: 'of the CD' }, empty: { entries: {} } } },
})

it('keeps the logs of containers and of the kernel, and what a cloud and a CD say about the machine', async () => {
  await using workshop = await openWorkshop()
  const { directory } = workshop
  const packages = relative(directory, 'pkg')
  const logwrite = `image: "@pkg:${packages}/logwrite"`
  const example = (await readFile('examples/logging.yml', 'utf8')).replaceAll('../pkg/', `${packages}/`)
  expect(example).toContain(logwrite)
  await writeFile(
    join(directory, 'logging.yml'),
    example.replace(logwrite, `${logwrite}\n    command: ["/usr/bin/logwrite", "-max-log-size", "32768"]`),
  )
  const files = Object.entries(CLOUD).map(
    ([path, contents]) => `  - path: srv/cloud/latest/${path}\n    contents: ${JSON.stringify(contents)}\n`,
  )
  await writeFile(
    join(directory, 'metadata.yml'),
    `onboot:
  - name: aws
    image: "@pkg:${packages}/metadata"
    command: ["/usr/bin/metadata", "aws"]
  - name: cloud-is-heard
    image: "@pkg:${packages}/busybox"
    binds: ["/run:/run"]
    command: ["/bin/sh", "-c", "cd /run/config && head provider hostname instance_id userdata ssh/authorized_keys && uname -n"]
  - name: all
    image: "@pkg:${packages}/metadata"
    command: ["/usr/bin/metadata", "cdrom", "file=/etc/hostname"]
files:
  - path: etc/init.d/003-cloud
    contents: |
      #!/bin/sh
      ip address add 169.254.169.254/32 dev lo
      httpd -p 169.254.169.254:80 -h /srv/cloud
    mode: "0755"
${files.join('')}`,
  )
  await workshop.build('--arch', 'amd64', '--name', 'logging', join(directory, 'logging.yml'), join(directory, 'metadata.yml'))
  await using machine = workshop.boot('--arch', 'x86_64', '--mem', '1024', '--data', USER_DATA, join(directory, 'logging'))

  // memlogd has taken the output over, and still it is on the console.
  await machine.waitFor(/^AWS: Probe succeeded/)
  await machine.waitFor(/^Set hostname to: cloud-host/)
  await machine.waitFor(/^==> provider <==/)
  await machine.waitFor(/^AWS/)
  await machine.waitFor(/^cloud-host/)
  await machine.waitFor(/^i-4711/)
  await machine.waitFor(/^#!\/bin\/sh/)
  await machine.waitFor(/^ssh-ed25519 AAAA somebody/)
  await machine.waitFor(/^cloud-host/)
  await machine.waitFor(/^CDROM \/dev\/sr0: Probe succeeded/)
  await machine.waitFor(/^Set hostname to: data-host/)

  await machine.waitFor(/\(ns: getty\) data-host.*# $/)
  machine.write('cd /run/config; cat provider; stat -c %a,%F,%n ssh/authorized_keys app/* ; cat app/secret; echo\n')
  await machine.waitFor(/^CDROM \/dev\/sr0/)
  await machine.waitFor(/^600,regular file,ssh\/authorized_keys/)
  await machine.waitFor(/^755,directory,app\/empty/)
  await machine.waitFor(/^600,regular file,app\/secret/)
  await machine.waitFor(/^of the CD/)

  machine.write('/proc/1/root/usr/bin/logread | grep -e "memlogd;" -e "all;"\n')
  await machine.waitFor(/^\d{4}-\d\d-\d\dT[\d:.]+Z;memlogd;memlogd started/)
  await machine.waitFor(/^\d{4}-\d\d-\d\dT[\d:.]+Z;onboot\.\d+-all;CDROM \/dev\/sr0: Probe succeeded/)

  // The shell is there before the services that come after it.
  machine.write(
    'cd /var/log; until [ -s kmsg.log.0 ] && [ "$(cat write-to*.log | wc -l)" -gt 2 ]; do sleep 1; done 2>/dev/null; echo they grow\n',
  )
  await machine.waitFor(/^they grow/)
  machine.write('grep -h "Linux version" kmsg.log*; tail -n 1 write-to-the-logs.out.log\n')
  await machine.waitFor(/^\d{4}-\d\d-\d\dT[\d:]+Z kmsg \(0\) - \d{4}-\d\d-\d\dT[\d:.]+Z: Linux version/)
  await machine.waitFor(/^\d{4}-\d\d-\d\dT[\d:]+Z write-to-the-logs\.out \w{3} \w{3} /)

  machine.write('poweroff\n')
  await machine.waitFor(/reboot: Power down/)
  expect(await machine.exited).toMatchObject({ status: 0 })
})
