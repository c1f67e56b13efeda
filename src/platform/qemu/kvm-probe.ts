import { mkdtemp, open, readFile, realpath, rm, stat, writeFile } from 'node:fs/promises'
import { cpus, release, tmpdir } from 'node:os'
import { join } from 'node:path'
import { literal, object, parse, record, string, variant } from 'valibot'
import type { Arch } from '../../base/arch.js'
import { isSystemError } from '../../base/errors.js'
import { writeAtomic } from '../../base/files.js'
import { startMachine } from './machine.js'
import { PROBE_ANSWER, probeGuest, type ProbeGuest } from './probe-guest.js'

/** Whether guests can run on KVM, and if not, why not. */
export type KvmVerdict = { readonly works: true } | { readonly works: false; readonly reason: string }

export interface KvmProbeOptions {
  readonly arch: Arch
  /** The QEMU program for that architecture. */
  readonly program: string
  /** Where answers are remembered. */
  readonly memoryPath: string
  readonly signal: AbortSignal
  /** @default /dev/kvm */
  readonly device?: string
}

/** A sound host needs a fraction of a second. */
const TIME_LIMIT_MS = 10_000

const memorySchema = record(
  string(),
  variant('works', [object({ works: literal(true) }), object({ works: literal(false), reason: string() })]),
)

/**
 * Boots a tiny guest with the given extra arguments and tells whether it came through in time.
 * @param limitMs the guest is ended after so many milliseconds
 */
export async function runProbeGuest(
  program: string,
  guest: ProbeGuest,
  extraArguments: readonly string[],
  signal: AbortSignal,
  limitMs = TIME_LIMIT_MS,
): Promise<KvmVerdict> {
  const directory = await mkdtemp(join(tmpdir(), 'linuxkit-probe-'))
  try {
    const image = join(directory, 'guest.img')
    await writeFile(image, guest.image)
    const limit = AbortSignal.timeout(limitMs)
    const qemu = [...guest.arguments(image), ...extraArguments, '-m', '32', '-nodefaults', '-display', 'none', '-serial', 'stdio']
    await using machine = startMachine({ program, arguments: qemu }, { console: 'program', signal: AbortSignal.any([signal, limit]) })
    const answer = machine.waitFor(new RegExp(`^${PROBE_ANSWER}`))
    const works = await answer.then(
      () => true,
      () => false,
    )
    if (works) return { works }
    signal.throwIfAborted()
    const reason = limit.aborted ? `a test guest did not come through within ${limitMs / 1000} s` : 'QEMU could not run a test guest on it'
    return { works, reason }
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

/** What the answer depends on: another kernel, processor or QEMU may behave differently. */
async function hostIdentity(program: string): Promise<string> {
  const path = await realpath(program)
  const status = await stat(path)
  return [release(), cpus()[0]?.model.trim() ?? '', path, status.size, Math.floor(status.mtimeMs)].join(' | ')
}

async function remembered(path: string): Promise<Readonly<Record<string, KvmVerdict>>> {
  try {
    return parse(memorySchema, JSON.parse(await readFile(path, 'utf8')))
  } catch {
    return {} // missing or damaged: the proof is made again
  }
}

/** Where nothing can be written the proof is made again next time. */
async function remember(path: string, answers: Readonly<Record<string, KvmVerdict>>): Promise<void> {
  await writeAtomic(path, `${JSON.stringify(answers, null, 2)}\n`).catch((error: unknown) => {
    if (!isSystemError(error)) throw error
  })
}

/**
 * Proves that KVM runs guests. That the device exists proves nothing: nested hypervisors offer one on which guests hang, or QEMU aborts.
 * The answer is remembered per kernel, processor and QEMU.
 */
export async function probeKvm(options: KvmProbeOptions): Promise<KvmVerdict> {
  const device = options.device ?? '/dev/kvm'
  try {
    await (await open(device, 'r+')).close()
  } catch (error) {
    if (!isSystemError(error)) throw error
    if (error.code === 'ENOENT') return { works: false, reason: `there is no ${device}` }
    return { works: false, reason: `${device} cannot be opened (${error.code}); on Debian its users are in the group kvm` }
  }
  const guest = probeGuest(options.arch)
  if (guest === undefined) return { works: true }
  const identity = await hostIdentity(options.program)
  const known = await remembered(options.memoryPath)
  const answer = known[identity]
  if (answer !== undefined) return answer
  const processor = options.arch === 'arm64' ? ['-cpu', 'host'] : []
  const verdict = await runProbeGuest(options.program, guest, ['-accel', 'kvm', ...processor], options.signal)
  await remember(options.memoryPath, { ...known, [identity]: verdict })
  return verdict
}
