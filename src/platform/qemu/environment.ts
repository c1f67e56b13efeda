import { hostArch, type Arch } from '../../base/arch.js'
import { silent, type Progress } from '../../base/progress.js'

/** What running a machine needs to know of the world around; nothing is global. */
export interface Environment {
  readonly host: { readonly arch: Arch; readonly platform: NodeJS.Platform }
  /** Environment variables: PATH, LINUXKIT_QEMU_ACCEL. */
  readonly variables: Readonly<Record<string, string | undefined>>
  /** The image cache; what is known about the host is remembered beside it. */
  readonly cacheDirectory: string
  readonly progress: Progress
  /** Stops the machine. */
  readonly signal: AbortSignal
}

/** This process's own environment. */
export function hostEnvironment(cacheDirectory: string, signal: AbortSignal, progress: Progress = silent): Environment {
  return { host: { arch: hostArch(), platform: process.platform }, variables: process.env, cacheDirectory, progress, signal }
}
