import type { Arch } from '../base/arch.js'
import type { AssembleOptions, Assembled } from '../rootfs/assemble.js'
import type { Compression } from '../rootfs/compression.js'
import type { Plan } from '../rootfs/plan.js'
import type { BootLoaderFiles, BootLoaderName } from '../pkg/boot-loader.js'

/** What a user may choose beside the formats. */
export interface MakeOptions extends AssembleOptions {
  readonly arch: Arch
  /** Of the initrd; by default what the kernel can take. */
  readonly compression: Compression | undefined
  /** The file system that an initrd holds the root in, to be mounted from there; undefined for one that is the root itself. */
  readonly packedRoot: PackedRoot | undefined
  /** Of disks, in bytes; undefined for as large as they have to be. */
  readonly size: number | undefined
  readonly bootLoaders: ReadonlyMap<BootLoaderName, BootLoaderFiles>
}

export type PackedRoot = 'squashfs' | 'erofs'

/** What the formats of a build are made of. Each thing is made when the first format asks for it, and all share it as long as this lives. */
export class Materials implements AsyncDisposable {
  readonly plan: Plan
  readonly options: MakeOptions
  readonly #made = new Map<string, Promise<unknown>>()
  readonly #held: AsyncDisposable[] = []

  constructor(plan: Plan, options: MakeOptions) {
    this.plan = plan
    this.options = options
  }

  /** What is made under a name, once. The name says all that it depends on, but for plan and options. */
  once<Made>(name: string, make: () => Promise<Made>): Promise<Made> {
    const made = (this.#made.get(name) as Promise<Made> | undefined) ?? make()
    this.#made.set(name, made)
    return made
  }

  /** A thing that from now on lives as long as this. */
  hold<Thing extends AsyncDisposable>(thing: Thing): Thing {
    this.#held.push(thing)
    return thing
  }

  /** The result of an assembly, which from now on lives as long as this. */
  async held<Joined>(assembling: Promise<Assembled<Joined>>): Promise<Joined> {
    return this.hold(await assembling).joined
  }

  /** Waits for what is still being made, so that nothing is held afterwards. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled(this.#made.values())
    for (const one of this.#held.toReversed()) await one[Symbol.asyncDispose]()
  }
}
