import { spawn } from 'node:child_process'
import { pipeline } from 'node:stream/promises'
import { text } from 'node:stream/consumers'
import { bytesContent, concatContents, readAll } from '../base/content.js'
import { isSystemError, LinuxkitError } from '../base/errors.js'
import { run } from '../base/exec.js'
import { writeCpio } from '../archive/cpio.js'
import type { InitrdCompressor } from './initrd-encoder.js'

/**
 * One cpio archive in xz streams that end between two entries. There is no encoder that comes with Node or as a package for it, so the program xz does the work;
 * its bytes may differ between versions.
 * @param level 0 to 9
 * @throws {LinuxkitError} `exec/not-found` when xz is not installed
 */
export async function xzInitrd(level: number): Promise<InitrdCompressor<{ readonly size: number }>> {
  const [version] = (await run('xz', ['--version'])).split('\n')
  return {
    id: `xz ${level} ${version}`,
    encode(entries, signal) {
      let size = 0
      async function* archive(): AsyncIterable<Uint8Array> {
        for await (const chunk of writeCpio(entries)) {
          size += chunk.length
          yield chunk
        }
      }
      return { bytes: throughXz(archive(), level, signal), facts: () => ({ size }) }
    },
    async join(fragments, end) {
      const last = await readAll(throughXz(bytesContent(end).open(), level, new AbortController().signal), 1 << 16)
      return concatContents([...fragments.map(({ content }) => content), bytesContent(last)])
    },
  }
}

async function* throughXz(source: AsyncIterable<Uint8Array>, level: number, signal: AbortSignal): AsyncIterable<Uint8Array> {
  // The kernel's decoder knows no other check (Documentation/staging/xz.rst).
  const child = spawn('xz', ['--compress', '--stdout', '--check=crc32', `-${level}`], { signal, stdio: ['pipe', 'pipe', 'pipe'] })
  const ended = new Promise<number | null>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', resolve)
  })
  // Awaited below; until then a failure must not count as unhandled.
  const work = Promise.all([pipeline(source, child.stdin), ended, text(child.stderr)])
  work.catch(() => {})
  yield* child.stdout as AsyncIterable<Buffer>
  const [, status, said] = await work.catch((error: unknown) => {
    if (!isSystemError(error, 'EPIPE')) throw error
    throw new LinuxkitError('exec/failed', 'the program xz has ended before its input', { cause: error })
  })
  if (status !== 0) throw new LinuxkitError('exec/failed', `the program xz failed: ${said.trim()}`)
}
