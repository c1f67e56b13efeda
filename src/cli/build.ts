import { join } from 'node:path'
import { InvalidArgumentError, Option, type Command } from 'commander'
import type { Destination } from '../build.js'
import type { CliContext } from './context.js'
import type { Explanation } from '../rootfs/explain.js'
import { bytes } from './progress.js'
import { standardOutput } from './standard-output.js'
import { formatTable } from './table.js'

interface BuildFlags {
  readonly name?: string
  readonly dir: string
  readonly o?: string
  readonly format: readonly string[]
  readonly arch?: string
  readonly jobs?: number
  readonly explain?: true
  readonly size?: string
  readonly dryRun?: true
  readonly pull?: true
  readonly docker?: true
  readonly offline?: true
  readonly lock?: true
  readonly inputTar?: string
  readonly listFormats?: true
  readonly decompressKernel?: true
  readonly compress?: string
  readonly root?: 'squashfs' | 'erofs'
  readonly sbom: boolean
  readonly sbomOutput: string
  readonly sbomCurrentTime?: true
  readonly debianMirror?: string
}

/** A list given by commas, by repeating the flag, or both. */
function appendList(value: string, list: readonly string[]): readonly string[] {
  return [...list, ...value.split(',')]
}

function parseJobs(text: string): number {
  if (/^[1-9]\d{0,3}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('It is a number from 1 on.')
}

function parseRoot(text: string): 'squashfs' | 'erofs' | undefined {
  if (text === 'initramfs') return undefined
  if (text === 'squashfs' || text === 'erofs') return text
  throw new InvalidArgumentError('It is initramfs, squashfs or erofs.')
}

/** `linuxkit build`. */
export function addBuildCommand(program: Command, context: () => CliContext): void {
  program
    .command('build')
    .description('build an image from yml files')
    .argument('[yml...]', 'files, URLs, or - for standard input; later ones add to earlier ones')
    .option('--name <name>', 'base name of the outputs (default: that of the last file)')
    .option('--dir <directory>', 'where the outputs go', '')
    .option('--o <file>', 'write a single file, - for standard output (formats that make one file only)')
    .option('-f, --format <formats>', 'what to make, several with commas; see --list-formats (default: kernel+initrd)', appendList, [])
    .option('--list-formats', 'print the formats, the files of each, and what they are for')
    .option('--size <size>', 'of disks: 2 or 2G are gigabytes, 512M megabytes (default: as large as they have to be)')
    .addOption(
      new Option(
        '--root <kind>',
        'how an initrd holds the root: initramfs (default), or squashfs or erofs, which is mounted as it is and takes less memory',
      ).argParser(parseRoot),
    )
    .option('--arch <arch>', 'processor architecture of the image (default: that of this machine)')
    .option('--pull', 'fetch every image anew from its registry, be it in the cache or not')
    .option('--docker', 'look for images in the local container engine first (ignored with --pull)')
    .option('--offline', 'use no network: what is not in the cache is an error that names all of it')
    .option('--lock', 'write the digest of every image into NAME.lock beside the yml; builds use that file when it is there')
    .option(
      '--input-tar <file>',
      'take what has not changed from the tar of an earlier build (needs "metadata: yaml" in a file of the yml)',
    )
    .addOption(
      new Option('--jobs <number>', 'how many parts are encoded at once (default: as many as keep the processors busy)').argParser(
        parseJobs,
      ),
    )
    .option('--explain', 'say of every part whether it was kept or encoded, and what has changed since the last build')
    .option('--dry-run', 'print the merged configuration and stop')
    .option('--decompress-kernel', 'unpack the kernel (gzip, zstd, xz, lz4, bzip2, lzma), for boot loaders that cannot')
    .option(
      '--compress <name[:level]>',
      'how the initrd is compressed: gzip, zstd, xz (with the program xz) or none (default: zstd if the kernel is known to take it, else gzip)',
    )
    .option('--no-sbom', 'leave out the list of what the image is made of')
    .option('--sbom-output <path>', 'path of that list in the image', 'sbom.spdx.json')
    .option('--sbom-current-time', 'date the list now instead of with the fixed time of builds')
    .option('--debian-mirror <url>', 'where missing packages get their Debian packages (default: where this machine does)')
    .action((sources: readonly string[], flags: BuildFlags) =>
      flags.listFormats === true ? listFormats(context()) : run(sources, flags, context()),
    )
}

async function listFormats({ print }: CliContext): Promise<void> {
  const { FORMATS } = await import('../output/formats.js')
  const rows = FORMATS.map(({ name, suffixes, architectures, startedBy, rootOn, summary }) => [
    name,
    suffixes.map((suffix) => `NAME${suffix}`).join(' '),
    architectures.join(' '),
    startedBy,
    rootOn,
    summary,
  ])
  for (const line of formatTable(['FORMAT', 'FILES', 'ARCHITECTURES', 'STARTED BY', 'ROOT ON', 'WHAT IT IS'], rows)) print(line)
}

async function run(sources: readonly string[], flags: BuildFlags, context: CliContext): Promise<void> {
  const { build, defaultName, dryRun } = await import('../build.js')
  const { hostArch, parseArch } = await import('../base/arch.js')
  const { LinuxkitError } = await import('../base/errors.js')
  const { FIXED_TIME } = await import('../archive/entry.js')
  const { parseCompression } = await import('../rootfs/compression.js')
  const { findFormat } = await import('../output/formats.js')
  const { parseDiskSize } = await import('../base/disk-size.js')

  if (sources.length === 0) {
    throw new LinuxkitError('cli/arguments', 'an argument is missing: the yml to build', { hint: 'name a file, or - for standard input' })
  }
  if (flags.o !== undefined && (flags.name !== undefined || flags.dir !== '')) {
    throw new LinuxkitError('cli/flags', `--o cannot stand beside ${flags.name === undefined ? '--dir' : '--name'}`, {
      hint: '--o names the file itself; --name and --dir name what the names of several files begin with',
    })
  }
  if (flags.sbom && flags.sbomOutput === '') {
    throw new LinuxkitError('cli/flags', '--sbom-output needs a filename', { hint: 'use --no-sbom to leave the list out' })
  }
  const formats = flags.format.length > 0 ? flags.format : [flags.o === undefined ? 'kernel+initrd' : 'tar']
  const size = flags.size === undefined ? 0 : parseDiskSize(flags.size) * 2 ** 20
  formats.forEach(findFormat)
  if (flags.dryRun === true) {
    context.print(await dryRun({ sources, cacheDirectory: context.cacheDirectory, progress: context.progress, signal: context.signal }))
    return
  }
  const written = await build({
    sources,
    formats,
    destination: await destinationOf(flags, defaultName(sources)),
    arch: flags.arch === undefined ? hostArch() : parseArch(flags.arch),
    cacheDirectory: context.cacheDirectory,
    sbom: flags.sbom
      ? { path: flags.sbomOutput, created: rfc3339(flags.sbomCurrentTime === true ? Date.now() : FIXED_TIME.seconds * 1000) }
      : undefined,
    mirrors: context.mirrors,
    certificateFiles: context.certificateFiles,
    registryCreds: context.registryCreds,
    pull: flags.pull,
    docker: flags.docker,
    offline: flags.offline,
    lock: flags.lock,
    inputTar: flags.inputTar,
    decompressKernel: flags.decompressKernel,
    compression: flags.compress === undefined ? undefined : parseCompression(flags.compress),
    packedRoot: flags.root,
    size: size === 0 ? undefined : size,
    debianMirror: flags.debianMirror,
    jobs: flags.jobs,
    onExplanation: flags.explain === true ? (parts) => printExplanation(parts, context) : undefined,
    progress: context.progress,
    signal: context.signal,
  })
  for (const path of written) context.progress({ type: 'info', message: `wrote ${path}` })
}

function printExplanation(parts: readonly Explanation[], { print }: CliContext): void {
  const rows = parts.map(({ part, state, size, milliseconds, reason }) => [
    part.location,
    part.source,
    state,
    size === undefined ? '' : bytes(size),
    state === 'small' ? '' : `${Math.round(milliseconds)} ms`,
    reason,
  ])
  for (const line of formatTable(['PART', 'SOURCE', 'STATE', 'SIZE', 'TIME', 'WHY'], rows)) print(line.trimEnd())
}

/** Without fractions of a second, which SPDX does not allow (SPDX 2.3, 6.9). */
function rfc3339(milliseconds: number): string {
  return new Date(milliseconds).toISOString().replace(/\.\d+Z$/, 'Z')
}

async function destinationOf(flags: BuildFlags, defaultName: string): Promise<Destination> {
  const { o } = flags
  if (o === undefined) return { type: 'files', base: join(flags.dir, flags.name ?? defaultName) }
  if (o !== '-') {
    const { outputFile } = await import('../base/output-file.js')
    return { type: 'stream', path: o, write: await outputFile(o) }
  }
  const { pipeline } = await import('node:stream/promises')
  return { type: 'stream', write: (chunks) => pipeline(chunks, standardOutput(), { end: false }) }
}
