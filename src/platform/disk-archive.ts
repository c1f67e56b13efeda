import { open, stat, type FileHandle } from 'node:fs/promises'
import { gunzip } from '../archive/decompress.js'
import { readTar } from '../archive/tar-reader.js'
import { CHUNK_SIZE, fileContent } from '../base/content.js'
import { LinuxkitError } from '../base/errors.js'
import { openAtomic } from '../base/files.js'

/** What a disk is called in the archives that Google Compute Engine takes (its documentation, "Manually import boot disks"). */
const NAME = 'disk.raw'

/** The disk in an archive of Google Compute Engine. @throws {LinuxkitError} `run/archive`, and what is wrong with a damaged archive */
async function* archivedDisk(path: string): AsyncIterable<Uint8Array> {
  const { size } = await stat(path)
  for await (const { path: name, content } of readTar(gunzip(fileContent(path, 0, size).open()))) {
    if (name.replace(/^\.\//, '') !== NAME) continue
    yield* content.open()
    return
  }
  throw noDisk(path)
}

function noDisk(path: string, cause?: unknown): LinuxkitError {
  return new LinuxkitError('run/archive', `${path} is packed with gzip, and holds no ${NAME}`, {
    hint: 'of what is packed, images for Google Compute Engine can be booted; unpack others before',
    cause,
  })
}

/** The first bytes of the disk, at most as many as asked for. */
export async function archivedDiskStart(path: string, length: number): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  let read = 0
  try {
    for await (const chunk of archivedDisk(path)) {
      chunks.push(chunk)
      read += chunk.length
      if (read >= length) break
    }
  } catch (error) {
    // What is packed may be anything.
    if (error instanceof LinuxkitError && error.code.startsWith('archive/')) throw noDisk(path, error)
    throw error
  }
  return Buffer.concat(chunks).subarray(0, length)
}

/** Unpacks the disk; where it is empty the file has holes. Does nothing when that has been done since the archive was made. */
export async function unpackDisk(path: string, target: string, signal: AbortSignal): Promise<void> {
  const unpacked = await stat(target).catch(() => undefined)
  if (unpacked !== undefined && unpacked.mtimeMs >= (await stat(path)).mtimeMs) return
  await using atomic = await openAtomic(target, { durable: false })
  await using file = await open(atomic.temporaryPath, 'r+')
  let position = 0
  for await (const chunk of archivedDisk(path)) {
    signal.throwIfAborted()
    if (!isZeros(chunk)) await writeAt(file, chunk, position)
    position += chunk.length
  }
  await file.truncate(position)
  await atomic.commit()
}

const ZEROS = Buffer.alloc(CHUNK_SIZE)

function isZeros(chunk: Uint8Array): boolean {
  return chunk.length <= ZEROS.length && ZEROS.subarray(0, chunk.length).equals(chunk)
}

/** A write may end early, as on a disk that becomes full. */
async function writeAt(file: FileHandle, chunk: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < chunk.length;) {
    const { bytesWritten } = await file.write(chunk, done, chunk.length - done, position + done)
    done += bytesWritten
  }
}
