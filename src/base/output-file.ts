import { createWriteStream } from 'node:fs'
import { realpath, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { LinuxkitError } from './errors.js'
import { writeAtomic } from './files.js'

export type WriteStream = (chunks: AsyncIterable<Uint8Array>) => Promise<void>

/**
 * A single file that the user named as output. It appears when it is complete; a device or a pipe (`/dev/null`, a FIFO) is written to and never
 * replaced, and so is the file that a symbolic link leads to.
 * @throws {LinuxkitError} `build/no-directory` when the directory does not exist, `build/output` when the path is that of a directory
 */
export async function outputFile(path: string): Promise<WriteStream> {
  const directory = dirname(path)
  if ((await stat(directory).catch(() => undefined))?.isDirectory() !== true) {
    throw new LinuxkitError('build/no-directory', `the directory "${directory}" for the output does not exist`, {
      hint: `mkdir -p ${directory}`,
    })
  }
  const target = await realpath(path).catch(() => path)
  const present = await stat(target).catch(() => undefined)
  if (present?.isDirectory() === true) {
    throw new LinuxkitError('build/output', `the output ${path} is a directory`, { hint: 'name the file to write' })
  }
  if (present === undefined || present.isFile()) return (chunks) => writeAtomic(target, chunks, { durable: false })
  return (chunks) => pipeline(chunks, createWriteStream(target, { flags: 'w' }))
}
