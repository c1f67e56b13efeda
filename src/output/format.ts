import type { Content } from '../base/content.js'
import type { AssembleOptions, Assembled } from '../rootfs/assemble.js'
import type { Compression } from '../rootfs/compression.js'
import type { Plan } from '../rootfs/plan.js'

/** A file that a format makes: its name is the base name of the outputs and this suffix. */
export interface OutputFile {
  readonly suffix: string
  readonly content: Content
}

/** What a user may choose beside the format. */
export interface MakeOptions extends AssembleOptions {
  /** Of the initrd; by default what the kernel can take. */
  readonly compression: Compression | undefined
}

/** A named format. A table of these is `build --format`, its help and the documentation. */
export interface Format {
  readonly name: string
  /** What it is for, in a few words. */
  readonly summary: string
  /** Whether it makes exactly one file, which can as well go to standard output. */
  readonly streams: boolean
  /** Suffixes of all files that it may make. */
  readonly suffixes: readonly string[]
  /** The files of an image. Those that would be empty are left out. */
  make(plan: Plan, options: MakeOptions): Promise<Assembled<readonly OutputFile[]>>
}
