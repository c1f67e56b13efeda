import type { Progress } from '../base/progress.js'

/** What every command is handed; nothing is global. */
export interface CliContext {
  /** Aborted by Ctrl-C and SIGTERM; every fetch, worker and child process hangs on it. */
  readonly signal: AbortSignal
  /** Where library code tells about its work. */
  readonly progress: Progress
  /** Prints a line to standard output: results that a script may read. */
  readonly print: (line: string) => void
  /** Registry mirrors as they were given. */
  readonly mirrors: readonly string[]
  /** Files with certificates of authorities that registries may be certified by. */
  readonly certificateFiles: readonly string[]
  /** Credentials for registries as they were given. */
  readonly registryCreds: readonly string[]
  /** The image cache directory: the flag, else LINUXKIT_CACHE, else ~/.linuxkit/cache. */
  readonly cacheDirectory: string
}
