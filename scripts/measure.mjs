import { spawnSync } from 'node:child_process'

/** Without what makes Node do more at its start than it does for most users, such as reading certificates. */
const { NODE_EXTRA_CA_CERTS: _certificates, NODE_OPTIONS: _options, ...env } = process.env

/** Runs a command and gives its wall time in milliseconds and the most memory that it had resident, in MB. */
export function run(command, args) {
  const start = performance.now()
  const result = spawnSync('/usr/bin/time', ['-f', '%M', command, ...args], { encoding: 'utf8', maxBuffer: 1 << 28, env })
  const milliseconds = performance.now() - start
  if (result.status !== 0) throw new Error(`${command} ${args.join(' ')}: ${result.stderr}`)
  return { milliseconds, megabytes: Number(result.stderr.trim().split('\n').at(-1)) / 1024 }
}
