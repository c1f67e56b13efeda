import { mkdtemp, open, rm, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { openFileContent, EMPTY, type Content } from '../base/content.js'
import { sweepTemporaries, temporaryName } from '../base/files.js'

/**
 * Holds the contents of files on disk for as long as an image is being made, so that memory does not grow with the image.
 * They stand one after another in one file.
 */
export class Spool implements AsyncDisposable {
  /** Room for files beside the spooled ones; goes with the spool. */
  readonly directory: string
  readonly #path: string
  readonly #file: FileHandle
  #end = 0

  private constructor(directory: string, path: string, file: FileHandle) {
    this.directory = directory
    this.#path = path
    this.#file = file
  }

  /** @param parent a directory on a disk, which the system's directory for temporary files may not be */
  static async create(parent: string): Promise<Spool> {
    await sweepTemporaries(parent)
    const directory = await mkdtemp(join(parent, `${temporaryName()}-`))
    const path = join(directory, 'spool')
    return new Spool(directory, path, await open(path, 'wx+', 0o600))
  }

  /** Reads a stream to its end and gives what it held, to be read as often as wanted while the spool lives. */
  async add(source: AsyncIterable<Uint8Array>): Promise<Content> {
    const start = this.#end
    for await (const chunk of source) {
      let done = 0
      while (done < chunk.length) {
        const { bytesWritten } = await this.#file.write(chunk, done, chunk.length - done, this.#end)
        done += bytesWritten
        this.#end += bytesWritten
      }
    }
    return this.#end === start ? EMPTY : openFileContent(this.#file, this.#path, start, this.#end - start)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close()
    await rm(this.directory, { recursive: true, force: true })
  }
}
