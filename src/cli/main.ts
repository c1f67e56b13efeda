import { setMaxListeners } from 'node:events'
import { homedir } from 'node:os'
import { basename, join } from 'node:path'
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import { withoutBooleanValues } from './boolean-values.js'
import { addBuildCommand } from './build.js'
import { addCacheCommand } from './cache.js'
import type { CliContext } from './context.js'
import { addLockCommand } from './lock.js'
import { addPkgCommand } from './pkg.js'
import { createRenderer, type Renderer, type Verbosity } from './progress.js'
import { addRunCommand } from './run.js'
import { addSchemaCommand } from './schema.js'
import { standardOutput } from './standard-output.js'
import { addVersionCommand } from './version.js'

interface GlobalOptions {
  readonly cache: string
  readonly quiet?: true
  readonly verbose?: number
  readonly mirror: readonly string[]
  readonly certFile: readonly string[]
  readonly registryCreds: readonly string[]
}

const DEFAULT_CACHE = join(homedir(), '.linuxkit', 'cache')

/** Four levels, as LinuxKit has them: errors, info, debug, trace. */
function parseVerbose(text: string): number {
  if (/^[0-3]$/.test(text)) return Number(text)
  throw new InvalidArgumentError('It is 0, 1, 2 or 3.')
}

function append(value: string, list: readonly string[]): readonly string[] {
  return [...list, value]
}

function verbosityOf({ quiet, verbose }: GlobalOptions, program: Command): Verbosity {
  if (quiet === true && verbose !== undefined && verbose > 0) program.error('error: --quiet cannot stand beside --verbose')
  if (quiet === true || verbose === 0) return 'quiet'
  return verbose === undefined ? 'normal' : 'structured'
}

/** Runs the command line and returns the status to end with. */
export async function main(argv: readonly string[]): Promise<number> {
  const controller = new AbortController()
  // Every child process and request listens; that there are many is no leak.
  setMaxListeners(0, controller.signal)
  const program = new Command()
  let renderer: Renderer | undefined

  /** Made when a command is about to run, for only then the flags are known. */
  const context = (): CliContext => {
    const options = program.opts<GlobalOptions>()
    renderer = createRenderer(() => process.stderr, verbosityOf(options, program))
    return {
      signal: controller.signal,
      progress: renderer.progress,
      // An empty variable or flag counts as none, as in LinuxKit.
      cacheDirectory: options.cache || DEFAULT_CACHE,
      mirrors: options.mirror,
      certificateFiles: options.certFile,
      registryCreds: options.registryCreds,
      print: (line) => void standardOutput().write(`${line}\n`),
    }
  }

  program
    .name('linuxkit')
    .description('Builds custom, minimal, immutable Linux images from a yml, and boots them')
    .version(LINUXKIT_VERSION, '--version', 'print the version and exit')
    .addOption(
      new Option('--cache <directory>', 'where images and downloads are kept')
        .env('LINUXKIT_CACHE')
        .default(DEFAULT_CACHE, '~/.linuxkit/cache'),
    )
    .addOption(
      new Option('--mirror <[registry=]url>', 'where to ask for images of a registry, or of all (repeatable; also LINUXKIT_MIRROR)')
        .argParser(append)
        .default([], 'none'),
    )
    .addOption(
      new Option('--cert-file <file>', "PEM file with an authority's certificate to trust for registries and mirrors as well (repeatable)")
        .argParser(append)
        .default([], 'none'),
    )
    .addOption(
      new Option('--registry-creds <registry=user:password>', 'credentials for a registry, or registry=token (repeatable)')
        .argParser(append)
        .default([], 'what docker login has stored'),
    )
    .option('-q, --quiet', 'print errors and warnings only')
    .addOption(
      new Option('-v, --verbose <level>', 'how much to print, as lines with time and level: 0 warnings, 1 to 3 all').argParser(
        parseVerbose,
      ),
    )
    .showHelpAfterError('(see --help)')
    .configureOutput({ writeOut: (text) => void standardOutput().write(text) })
    .exitOverride()
  addBuildCommand(program, context)
  addCacheCommand(program, context)
  addLockCommand(program, context)
  addPkgCommand(program, context)
  addRunCommand(program, context)
  addSchemaCommand(program, context)
  addVersionCommand(program, context, basename(argv[1] ?? 'linuxkit', '.cjs'))

  let interruptedAt = 0
  const interrupt = (): void => {
    if (!controller.signal.aborted) {
      interruptedAt = Date.now()
      controller.abort()
      return
    }
    // A second Ctrl-C is the user's word that cleaning up takes too long. Some senders signal both the process and its group: that is one.
    if (Date.now() - interruptedAt > 1000) process.exit(130)
  }
  process.on('SIGINT', interrupt)
  process.on('SIGTERM', interrupt)
  try {
    await program.parseAsync(withoutBooleanValues(argv, program))
    return 0
  } catch (error) {
    renderer?.close()
    if (error instanceof CommanderError) return error.exitCode
    const { reportError } = await import('./report.js')
    const report = reportError(error, process.stderr.isTTY && process.env['NO_COLOR'] === undefined)
    process.stderr.write(`${report.text}\n`)
    return report.exitCode
  } finally {
    renderer?.close()
    process.off('SIGINT', interrupt)
    process.off('SIGTERM', interrupt)
  }
}
