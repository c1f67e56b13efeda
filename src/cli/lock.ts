import type { Command } from 'commander'
import type { Locked } from '../image/lock-update.js'
import type { CliContext } from './context.js'
import { bytes } from './progress.js'
import { formatTable } from './table.js'

interface UpdateFlags {
  readonly arch?: string
  readonly dryRun?: true
}

/** `linuxkit lock`: the files that fix which images a yml is built from. */
export function addLockCommand(program: Command, context: () => CliContext): void {
  const command = program.command('lock').description('Fix which images a yml is built from')

  command
    .command('update')
    .description('take the images that registries have now: shows what moves, then writes the lock file')
    .argument('<yml...>', 'the files, as for "linuxkit build"')
    .option('--arch <arch>', 'architecture of which sizes and dates are shown (default: that of this machine)')
    .option('--dry-run', 'only show what would move')
    .action((sources: readonly string[], flags: UpdateFlags) => update(sources, flags, context()))
}

async function update(sources: readonly string[], { arch, dryRun }: UpdateFlags, cli: CliContext): Promise<void> {
  const { progress, signal } = cli
  const { lockedImages } = await import('../build.js')
  const { hostArch, parseArch } = await import('../base/arch.js')
  const { readImageLock, writeImageLock } = await import('../image/image-lock.js')
  const { updatedLock } = await import('../image/lock-update.js')
  const { connect } = await import('../image/registry/connect.js')
  const { path, references } = await lockedImages({ sources, cacheDirectory: cli.cacheDirectory, progress, signal })
  const client = connect(cli, progress, signal)
  const architecture = arch === undefined ? hostArch() : parseArch(arch)
  const { lock, moves } = await updatedLock(references, await readImageLock(path), client, { os: 'linux', architecture })
  if (moves.length === 0) {
    cli.print(`${path}: nothing has moved`)
    return
  }
  const rows = moves.map(({ name, old, new: now }) => [name, ...cells(old), '->', ...cells(now)])
  for (const line of formatTable(['IMAGE', 'OLD', 'SIZE', 'CREATED', '', 'NEW', 'SIZE', 'CREATED'], rows)) cli.print(line)
  if (dryRun === true) return
  await writeImageLock(path, lock)
  progress({ type: 'info', message: `wrote ${path}` })
}

function cells(locked: Locked | undefined): readonly string[] {
  if (locked === undefined) return ['-', '', '']
  const { size, created } = locked.platform ?? {}
  return [locked.digest.slice(0, 19), size === undefined ? '?' : bytes(size), created?.replace(/T.*/, '') ?? '?']
}
