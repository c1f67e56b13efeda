import { lstatSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { isSystemError } from '../base/errors.js'
import { writeAtomic } from '../base/files.js'
import { PROGRAM } from '../base/program.js'

/** A tag, and every file and directory that it depends on; undefined when that cannot be told. */
export interface ComputedTag {
  readonly tag: string
  readonly sources: readonly string[] | undefined
}

interface Remembered {
  readonly tag: string
  /** How each source looked. */
  readonly stamps: Readonly<Record<string, string>>
}

interface Memory {
  readonly program: string
  readonly packages: Readonly<Record<string, Remembered>>
}

/** File systems with coarse times (FAT: 2 s) may give a file that is changed twice the same time. */
const TOO_YOUNG = 2000

/**
 * Tags of packages from one run to the next: as long as no source of a package looks changed, neither its build.yml has to be read nor git to be asked.
 * As with git's own index, a file is taken for unchanged when type, size, inode and times are, and one that was changed just now is not trusted.
 */
export class RememberedTags {
  readonly #file: string
  readonly #stamps = new Map<string, string>()
  readonly #startedAt: number
  #memory: Promise<Memory> | undefined
  readonly #learned = new Map<string, Remembered>()

  /**
   * @param file where they are kept; what is wrong with it does not matter
   * @param startedAt milliseconds since 1970
   */
  constructor(file: string, startedAt = Date.now()) {
    this.#file = file
    this.#startedAt = startedAt
  }

  /** The tag of the package in a directory. */
  async tagOf(directory: string, compute: () => Promise<ComputedTag>): Promise<string> {
    this.#memory ??= readMemory(this.#file)
    const known = (await this.#memory).packages[directory]
    if (known !== undefined && Object.entries(known.stamps).every(([path, stamp]) => this.#stampOf(path) === stamp)) return known.tag
    const { tag, sources } = await compute()
    if (sources !== undefined) {
      const stamps = Object.fromEntries(sources.map((path) => [path, this.#stampOf(path)]))
      if (!Object.values(stamps).includes(YOUNG)) this.#learned.set(directory, { tag, stamps })
    }
    return tag
  }

  /** Writes down what is new. A directory that nobody can write to keeps no memory. */
  async keep(): Promise<void> {
    if (this.#learned.size === 0) return
    const { packages } = await readMemory(this.#file)
    const memory: Memory = { program: PROGRAM, packages: { ...packages, ...Object.fromEntries(this.#learned) } }
    await writeAtomic(this.#file, JSON.stringify(memory)).catch((error: unknown) => {
      if (!isSystemError(error)) throw error
    })
  }

  /** One look at a file serves all packages, for all of them are loaded at once. */
  #stampOf(path: string): string {
    const stamp = this.#stamps.get(path) ?? look(path, this.#startedAt - TOO_YOUNG)
    this.#stamps.set(path, stamp)
    return stamp
  }
}

const YOUNG = 'young'
const ABSENT = 'absent'

function look(path: string, youngest: number): string {
  // Hundreds of these take a millisecond or two; asynchronously it would be ten times that.
  const status = lstatSync(path, { bigint: true, throwIfNoEntry: false })
  if (status === undefined) return ABSENT
  if (Math.max(Number(status.mtimeMs), Number(status.ctimeMs)) > youngest) return YOUNG
  const { mode, size, mtimeNs, ctimeNs, ino } = status
  return [mode, size, mtimeNs, ctimeNs, ino].join(' ')
}

async function readMemory(file: string): Promise<Memory> {
  try {
    const memory = JSON.parse(await readFile(file, 'utf8')) as Memory
    if (memory.program === PROGRAM) return memory
  } catch (error) {
    if (!isSystemError(error) && !(error instanceof SyntaxError)) throw error
  }
  return { program: PROGRAM, packages: {} }
}
