import { readFileSync, statSync } from 'node:fs'
import { mkdir, open, readdir, rename, rm, stat, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileContent, type Content } from '../base/content.js'
import type { Digest } from '../base/digest.js'
import { claim, claimantOf } from '../base/claim.js'
import { isSystemError } from '../base/errors.js'
import { sweepTemporaries, temporaryName, writeStream } from '../base/files.js'

/** A fragment on disk. `facts` are what its encoder noted, as JSON. */
export interface StoredFragment {
  readonly content: Content
  /** Of the file that has the content and nothing else. */
  readonly path: string
  readonly facts: unknown
  /** What was set aside, by name. */
  readonly aside: ReadonlyMap<string, Content>
}

/** Writes the files of a fragment that is being made. */
export interface FragmentWriter {
  readonly content: (source: AsyncIterable<Uint8Array>) => Promise<void>
  readonly setAside: (name: string, source: AsyncIterable<Uint8Array>) => Promise<void>
}

interface Description {
  readonly size: number
  readonly facts: unknown
  readonly aside: Readonly<Record<string, number>>
}

const DESCRIPTION = 'fragment.json'
const CONTENT = 'content'
/** A file of this name and a key is the {@link claim} of who makes the fragment. */
const CLAIM = '.claim-'
/** Names of what is set aside begin with this, so that they cannot be those of the other files. */
const ASIDE = 'aside-'

/** Milliseconds between two looks at what another process is making. */
const PATIENCE = 25

/** Fragments beyond this many bytes are removed, those that have not been used for longest first. */
const KEPT_BYTES = 8e9

/** A fragment that was used within this time, in milliseconds, is not removed: a build may be reading it. */
const GRACE = 3600 * 1000

/**
 * Fragments in directories named by their keys. A directory gets its name when everything in it is written and on disk, so a fragment is
 * there whole or not at all, whoever is killed when, and any number of builds may share a store.
 */
export class FragmentStore {
  readonly #directory: string
  readonly #durable: boolean

  /** @param durable whether fragments are there for later builds, and so have to be on disk before they count */
  constructor(directory: string, durable = true) {
    this.#directory = directory
    this.#durable = durable
  }

  /** The fragment of a key; undefined when there is none, or what there is has not the sizes that it should have. */
  async find(key: Digest): Promise<StoredFragment | undefined> {
    const directory = this.#path(key)
    const descriptionPath = join(directory, DESCRIPTION)
    try {
      // A build asks for hundreds of them, and synchronous looks take a fraction of the time.
      const description = JSON.parse(readFileSync(descriptionPath, 'utf8')) as Description
      const files: readonly (readonly [string, number])[] = [
        [CONTENT, description.size],
        ...Object.entries(description.aside).map(([name, size]) => [ASIDE + name, size] as const),
      ]
      for (const [name, size] of files) if (statSync(join(directory, name)).size !== size) return undefined
      // When it was last used decides what goes when there is too much.
      const now = new Date()
      if (now.getTime() - statSync(descriptionPath).mtimeMs > GRACE / 4) await utimes(descriptionPath, now, now).catch(() => {})
      return stored(directory, description)
    } catch (error) {
      if (isSystemError(error, 'ENOENT') || error instanceof SyntaxError) return undefined
      throw error
    }
  }

  /**
   * The fragment of a key, which is made when there is none. Of several processes that want it at once one makes it, and the others wait.
   * @returns the fragment, and whether it was made here
   */
  async findOrAdd(
    key: Digest,
    make: (writer: FragmentWriter) => Promise<unknown>,
    signal: AbortSignal,
  ): Promise<{ readonly fragment: StoredFragment; readonly made: boolean }> {
    for (;;) {
      const found = await this.find(key)
      if (found !== undefined) return { fragment: found, made: false }
      const claimPath = join(this.#directory, CLAIM + key.slice('sha256:'.length))
      const mine = await claim(claimPath)
      if (mine === undefined) {
        // Other processes are no source of events. What two take over at once is made twice, which does no harm.
        if (await clearAway(claimPath)) continue
        await sleep(PATIENCE, undefined, { signal })
        continue
      }
      try {
        // Somebody may have made it between the look and the claim.
        const meanwhile = await this.find(key)
        if (meanwhile !== undefined) return { fragment: meanwhile, made: false }
        return { fragment: await this.add(key, make), made: true }
      } finally {
        await mine.release()
      }
    }
  }

  /** Makes a fragment. When somebody else has made the same one meanwhile, theirs is taken. */
  async add(key: Digest, make: (writer: FragmentWriter) => Promise<unknown>): Promise<StoredFragment> {
    const temporary = join(this.#directory, temporaryName())
    await mkdir(temporary, { recursive: true })
    try {
      let size = 0
      const aside: Record<string, number> = {}
      const facts = await make({
        content: async (source) => {
          size = await write(join(temporary, CONTENT), source, this.#durable)
        },
        setAside: async (name, source) => {
          aside[name] = await write(join(temporary, ASIDE + name), source, this.#durable)
        },
      })
      const description: Description = { size, facts, aside }
      await write(join(temporary, DESCRIPTION), once(Buffer.from(JSON.stringify(description))), this.#durable)
      const directory = this.#path(key)
      await moveInto(temporary, directory, async () => (await this.find(key)) !== undefined)
      return stored(directory, description)
    } finally {
      await rm(temporary, { recursive: true, force: true })
    }
  }

  /** Removes what has not been used for longest until at most `limit` bytes are left, and what killed builds left behind. */
  async prune(limit = KEPT_BYTES): Promise<void> {
    await sweepTemporaries(this.#directory)
    const all = await readdir(this.#directory).catch(() => [])
    for (const name of all) if (name.startsWith(CLAIM)) await clearAway(join(this.#directory, name))
    const names = all.filter((name) => /^[0-9a-f]{64}$/.test(name))
    const fragments = []
    for (const name of names) {
      const directory = join(this.#directory, name)
      const usedAt = (await stat(join(directory, DESCRIPTION)).catch(() => undefined))?.mtimeMs ?? 0
      let size = 0
      for (const file of await readdir(directory).catch(() => []))
        size += (await stat(join(directory, file)).catch(() => undefined))?.size ?? 0
      fragments.push({ directory, usedAt, size })
    }
    let total = fragments.reduce((sum, { size }) => sum + size, 0)
    for (const { directory, usedAt, size } of fragments.sort((a, b) => a.usedAt - b.usedAt)) {
      if (total <= limit || Date.now() - usedAt < GRACE) return
      await rm(directory, { recursive: true, force: true })
      total -= size
    }
  }

  #path(key: Digest): string {
    return join(this.#directory, key.slice('sha256:'.length))
  }
}

/** Removes a claim whose process is gone. @returns whether there is none any more */
async function clearAway(path: string): Promise<boolean> {
  const claimant = await claimantOf(path)
  if (claimant?.gone === true) await rm(path, { force: true })
  return claimant === undefined || claimant.gone
}

function stored(directory: string, { size, facts, aside }: Description): StoredFragment {
  const path = join(directory, CONTENT)
  return {
    content: fileContent(path, 0, size),
    path,
    facts,
    aside: new Map(Object.entries(aside).map(([name, bytes]) => [name, fileContent(join(directory, ASIDE + name), 0, bytes)])),
  }
}

/** Renames a directory; one that is in the way stays when it is sound, and goes when it is not. */
async function moveInto(from: string, to: string, isSound: () => Promise<boolean>): Promise<void> {
  for (;;) {
    try {
      await rename(from, to)
      return
    } catch (error) {
      if (!isSystemError(error, 'ENOTEMPTY') && !isSystemError(error, 'EEXIST')) throw error
      if (await isSound()) return
      await rm(to, { recursive: true, force: true })
    }
  }
}

/** Writes a file. @returns its size in bytes */
async function write(path: string, source: AsyncIterable<Uint8Array>, durable: boolean): Promise<number> {
  const file = await open(path, 'wx')
  try {
    const size = await writeStream(file, source)
    if (durable) await file.sync()
    return size
  } finally {
    await file.close()
  }
}

async function* once(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes
}
