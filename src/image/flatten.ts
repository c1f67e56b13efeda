import type { Entry } from '../archive/entry.js'
import { cleanPath } from '../archive/path.js'
import { readTar } from '../archive/tar-reader.js'
import { LinuxkitError } from '../base/errors.js'
import type { CachedImage } from './cached-image.js'
import { HiddenPaths } from './hidden.js'
import { through } from './through.js'

/**
 * The file tree of an image: its layers as one stream of entries, each path once (OCI image-spec, layer.md "Applying Changesets").
 *
 * The layers are walked from the top, so that what comes first is what counts, and nothing has to be taken back: only the names of
 * entries are remembered, never their content. Hence a directory may come after what is in it. Paths are clean and relative, `.` is the root.
 * An entry's content may be opened once, before the next entry is asked for.
 *
 * A hard link is to the object that its target names in the link's own layer. An upper layer may have hidden that name, or the object may
 * come from a lower layer; so a link whose target has not been emitted from its own layer waits until the object is met:
 * when the object is emitted under its own name the link follows it, otherwise the link's name takes the object over, content and all.
 *
 * @param order `links last`, so that who unpacks the entries one by one always finds the target of a link; `as met` is LinuxKit's order, in which
 * a link to a visible object of a lower layer comes before it
 * @throws {LinuxkitError} when reading: `image/dangling-link` when no layer has the target of a hard link, `image/not-a-directory` when something lies
 * below a file or a link that leads out of the tree, `archive/...` with the layer, `image/corrupt-blob`
 */
export async function* flattenImage(
  image: CachedImage,
  signal: AbortSignal,
  order: 'links last' | 'as met' = 'links last',
): AsyncIterable<Entry> {
  const hidden = new HiddenPaths()
  const promised: WaitingLinks | undefined = order === 'as met' ? new Map() : undefined
  let waiting: WaitingLinks = new Map()
  for (let number = image.manifest.layers.length - 1; number >= 0; number--) {
    const layer = new LayerWalk(hidden, waiting, () => readLayer(image, number, signal), promised)
    const checked = (entry: Entry): Entry => {
      const obstacle = hidden.obstacle(entry.path)
      if (obstacle !== undefined) throw notADirectory(image, entry.path, obstacle)
      return entry
    }
    for await (const entry of readLayer(image, number, signal)) for (const visible of layer.take(entry)) yield checked(visible)
    for await (const entry of layer.finish()) yield checked(entry)
    waiting = layer.waiting
    // Below the lowest layer there is nothing to hide.
    if (number > 0) hidden.leaveLayer()
  }
  for (const [target, links] of [...waiting, ...(promised ?? [])]) {
    const names = links.map(({ path }) => `"${path}"`).join(', ')
    throw new LinuxkitError('image/dangling-link', `${image.reference.text}: ${names} is a hard link to "${target}", which no layer has`)
  }
}

/** The message says what the layer's maker did: an object below a link lands, when it is unpacked, wherever the link leads to. */
function notADirectory(image: CachedImage, path: string, obstacle: string): LinuxkitError {
  return new LinuxkitError(
    'image/not-a-directory',
    `${image.reference.text}: "${path}" lies below "${obstacle}", which is a file, or a link that leads out of the image`,
    { hint: 'the image is made wrongly: build it anew, with the true path of the file' },
  )
}

/** Hard links that wait for their object, by the clean path of the object. */
type WaitingLinks = Map<string, Entry[]>

/** The entries of a layer with their paths clean, the root's being empty; targets of links as they are written. */
async function* readLayer(image: CachedImage, number: number, signal: AbortSignal): AsyncIterable<Entry> {
  try {
    for await (const entry of through(image.layer(number), readTar)) {
      signal.throwIfAborted()
      const path = cleanPath(entry.path)
      if (entry.type === 'hardlink') cleanPath(entry.link)
      if (path === '' && entry.type !== 'directory') {
        throw new LinuxkitError('image/bad-root', `${image.reference.text}: the root of layer ${number} is not a directory`)
      }
      yield { ...entry, path }
    }
  } catch (error) {
    if (!(error instanceof LinuxkitError) || !error.code.startsWith('archive/')) throw error
    const message = `layer ${number} of ${image.reference.text}: ${error.message}`
    throw new LinuxkitError(error.code, message, { hint: error.hint, cause: error })
  }
}

class LayerWalk {
  /** Links that the layers below have to serve. */
  waiting: WaitingLinks = new Map()
  readonly #hidden: HiddenPaths
  readonly #open: () => AsyncIterable<Entry>
  readonly #fromAbove: WaitingLinks
  /** Objects of this layer that have been emitted, and those that have been passed over since they are hidden. */
  readonly #emittedHere = new Set<string>()
  readonly #hiddenHere = new Set<string>()
  /** Hard links of this layer that have been emitted after their objects. */
  readonly #linkedHere = new Set<string>()
  /** Hard links of this layer by their path, with the object at the end of the chain: a link to a link is to the same object. */
  readonly #targets = new Map<string, string>()

  /** Links that have been emitted before their objects. */
  readonly #promised: WaitingLinks | undefined

  constructor(hidden: HiddenPaths, fromAbove: WaitingLinks, open: () => AsyncIterable<Entry>, promised: WaitingLinks | undefined) {
    this.#hidden = hidden
    this.#promised = promised
    this.#fromAbove = new Map(fromAbove)
    this.#open = open
  }

  /** What the next entry of the layer adds to the tree. */
  take(entry: Entry): Iterable<Entry> {
    if (this.#hidden.whiteout(entry.path)) return []
    if (entry.type === 'directory') return this.#directory(entry)
    return entry.type === 'hardlink' ? this.#link(entry) : this.#object(entry)
  }

  /** What is still to be added after the last entry. */
  async *finish(): AsyncIterable<Entry> {
    yield* this.#serveOwn()
    for (const [target, links] of this.#fromAbove) this.#wait(target, links)
  }

  *#directory(entry: Entry): Iterable<Entry> {
    if (this.#hidden.has(entry.path)) return
    this.#hidden.emit(entry.path, 'directory')
    yield entry.path === '' ? { ...entry, path: '.' } : entry
  }

  *#object(entry: Entry): Iterable<Entry> {
    const { path } = entry
    const links = this.#takeFromAbove(path)
    this.#hidden.replace(path)
    if (this.#hidden.has(path)) {
      this.#hiddenHere.add(path)
      yield* takeOver(entry, links)
    } else {
      this.#hidden.emit(path, entry.type === 'symlink' ? { link: entry.link } : 'other')
      this.#emittedHere.add(path)
      this.#promised?.delete(path)
      yield entry
      yield* follow(links, path)
    }
  }

  *#link(entry: Entry): Iterable<Entry> {
    const { path } = entry
    const named = cleanPath(entry.link)
    const target = this.#targets.get(named) ?? named
    const links = this.#takeFromAbove(path)
    this.#targets.set(path, target)
    this.#hidden.replace(path)
    const visible = !this.#hidden.has(path)
    if (visible) this.#hidden.emit(path, 'other')
    if (visible && this.#emittedHere.has(target)) {
      // A link to a link says so in LinuxKit's trees, too.
      yield* follow([entry], this.#linkedHere.has(named) ? named : target)
      this.#linkedHere.add(path)
    } else if (visible) links.unshift(entry)
    if (this.#emittedHere.has(target)) yield* follow(links, target)
    else if (this.#promised !== undefined && !this.#hidden.has(target)) {
      add(this.#promised, target, links)
      yield* follow(links, target)
    } else this.#wait(target, links)
  }

  /** Links of this layer to objects that stand after them in it, or that are hidden in it: for these alone the layer is read once more. */
  async *#serveOwn(): AsyncIterable<Entry> {
    const wanted: WaitingLinks = new Map()
    const own = this.waiting
    this.waiting = new Map()
    for (const [named, links] of own) {
      const target = this.#targets.get(named) ?? named
      if (this.#emittedHere.has(target)) yield* follow(links, target)
      else add(this.#hiddenHere.has(target) ? wanted : this.waiting, target, links)
    }
    if (wanted.size === 0) return
    for await (const entry of this.#open()) {
      const links = entry.type === 'hardlink' || entry.type === 'directory' ? undefined : wanted.get(entry.path)
      if (links === undefined) continue
      yield* takeOver(entry, links)
      wanted.delete(entry.path)
      if (wanted.size === 0) return
    }
  }

  #takeFromAbove(path: string): Entry[] {
    const links = this.#fromAbove.get(path) ?? []
    this.#fromAbove.delete(path)
    return links
  }

  #wait(target: string, links: readonly Entry[]): void {
    add(this.waiting, target, links)
  }
}

function add(waiting: WaitingLinks, target: string, links: readonly Entry[]): void {
  if (links.length === 0) return
  const present = waiting.get(target)
  if (present === undefined) waiting.set(target, [...links])
  else for (const link of links) present.push(link)
}

function* follow(links: readonly Entry[], target: string): Iterable<Entry> {
  // A leading "./" says the same and stays, as in LinuxKit's trees.
  for (const link of links) yield { ...link, link: link.link === `./${target}` ? link.link : target }
}

/** The first of the links becomes the object. */
function* takeOver(object: Entry, [first, ...others]: readonly Entry[]): Iterable<Entry> {
  if (first === undefined) return
  yield { ...object, path: first.path }
  yield* follow(others, first.path)
}
