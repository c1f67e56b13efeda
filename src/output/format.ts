import type { Arch } from '../base/arch.js'
import type { Content } from '../base/content.js'
import type { Extents } from '../disk/extents.js'
import type { BootLoaderName } from '../pkg/boot-loader.js'
import type { Materials } from './materials.js'

/** A file that a format makes: its name is the base name of the outputs and this suffix. */
export interface OutputFile {
  readonly suffix: string
  /** A medium is written with holes. */
  readonly content: Content | Extents
}

/** What a format leaves the root on, for the documentation. */
export type RootOn = 'memory' | 'ISO 9660' | 'squashfs' | 'erofs' | 'nothing'

/** A named format. A table of these is `build --format`, its help, `--list-formats` and the documentation. */
export interface Format {
  readonly name: string
  /** What it is for, in a few words. */
  readonly summary: string
  /** Of the image. */
  readonly architectures: readonly Arch[]
  /** What starts it: firmware, or a program. */
  readonly startedBy: string
  /** What the system that is started has its root on. */
  readonly rootOn: RootOn
  /** Whether it makes exactly one file, which can as well go to standard output. */
  readonly streams: boolean
  /** Whether the image has a size of its own that can be given. */
  readonly hasSize: boolean
  /** Suffixes of all files that it may make. */
  readonly suffixes: readonly string[]
  /** Boot loaders that are put into it. */
  bootLoaders(arch: Arch): readonly BootLoaderName[]
  /** The files of an image; they can be read as long as the materials live. Those that would be empty are left out. */
  make(materials: Materials): Promise<readonly OutputFile[]>
}

/** What formats are that start nothing, or leave the loading to others. */
export const WITHOUT_LOADER = { hasSize: false, bootLoaders: () => [] } as const satisfies Partial<Format>
