import { open } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { Option, type Command } from 'commander'
import type { LinuxkitError as LinuxkitErrorType } from '../base/errors.js'
import type { ImageCache } from '../image/cache.js'
import type { ExportFormat, ExportOptions } from '../image/export.js'
import type { Collected } from '../image/garbage.js'
import type { RegistryClient } from '../image/registry/client.js'
import { addCachePushCommand } from './cache-push.js'
import type { CliContext } from './context.js'
import { bytes } from './progress.js'
import { standardOutput } from './standard-output.js'
import { formatTable } from './table.js'

const EXPORT_FORMATS: readonly ExportFormat[] = ['oci', 'docker', 'filesystem']

/** `linuxkit cache`: what is done with the images on disk. */
export function addCacheCommand(program: Command, context: () => CliContext): void {
  const command = program.command('cache').description('Show and change what is in the image cache')

  command
    .command('ls')
    .description('list the images in the cache: name and digest')
    .option('--long', 'show platforms and sizes too')
    .option('--json', 'print all that is known of the images as JSON')
    .action(async ({ long, json }: { readonly long?: true; readonly json?: true }) => {
      const cli = context()
      const { openCache } = await import('../image/cache.js')
      const { listImages } = await import('../image/list.js')
      const images = await listImages(await openCache(cli.cacheDirectory))
      if (json === true) {
        cli.print(JSON.stringify(images, undefined, 2))
        return
      }
      // Scripts of LinuxKit users read the short form.
      const table =
        long === true
          ? formatTable(
              ['NAME', 'PLATFORMS', 'DIGEST', 'SIZE'],
              images.map(({ name, platforms, digest, size, complete }) => [
                name,
                platforms.join(','),
                digest.slice(7, 19),
                complete ? bytes(size) : `${bytes(size)}, incomplete`,
              ]),
            )
          : formatTable(
              ['image name', 'root manifest hash'],
              images.map(({ name, digest }) => [name, digest]),
            )
      for (const line of table) cli.print(line)
    })

  command
    .command('pull')
    .description('fetch images from their registries')
    .argument('<name...>', 'the images')
    .option('--platform <os/arch>', "for which platform (default: this machine's)")
    .action(async (names: readonly string[], { platform }: { readonly platform?: string }) => {
      const { cacheDirectory, mirrors, certificateFiles, registryCreds, progress, signal } = context()
      const { pullImages } = await import('../image/registry/pull-images.js')
      await pullImages(names, { cacheDirectory, mirrors, certificateFiles, registryCreds, platform, progress, signal })
    })

  addCachePushCommand(command, context)

  command
    .command('import')
    .description('store the images of an OCI archive, or of what "docker save" wrote')
    .argument('<file>', 'the archive, compressed or not; "-" for standard input')
    .option('--name <name>', 'name for the only image of the archive')
    .action(async (file: string, options: { readonly name?: string }) => {
      const { cacheDirectory, progress, signal } = context()
      const { openCache } = await import('../image/cache.js')
      const { importImages } = await import('../image/import.js')
      const cache = await openCache(cacheDirectory)
      const archive = file === '-' ? process.stdin : (await open(file)).createReadStream()
      const { images, nameless } = await importImages(cache, archive, options.name, signal)
      for (const { digest } of nameless) {
        progress({
          type: 'warning',
          message: `${digest} of the archive was not imported, because it has no full name there; copy it into an archive of its own, and use --name`,
        })
      }
      for (const { name, missing } of images) {
        progress({ type: 'info', message: `Imported ${name}` })
        if (missing.length === 0) continue
        progress({
          type: 'warning',
          message: `the archive lacks ${missing.length} blobs of ${name}; whoever needs the image has to pull it`,
        })
      }
    })

  command
    .command('export')
    .description('write an image as a tar archive')
    .argument('<name>', 'the image')
    .option('--outfile <file>', 'the archive to write; "-" for standard output (required)')
    .addOption(new Option('--format <format>', 'what to write').choices(EXPORT_FORMATS).default('oci'))
    .option('--platform <os/arch>', 'which image of a multi-platform one, or "all" (default: this machine\'s)')
    .option('--name <name>', 'what to call the image in the archive')
    .action(async (image: string, options: Omit<ExportOptions, 'platform'> & { readonly platform?: string; readonly outfile?: string }) => {
      const { LinuxkitError } = await import('../base/errors.js')
      if (options.outfile === undefined || options.outfile === '')
        throw new LinuxkitError('cli/flags', '--outfile is missing', { hint: 'name the archive to write, or - for standard output' })
      const { cacheDirectory, signal } = context()
      const { openCache } = await import('../image/cache.js')
      const { exportImage } = await import('../image/export.js')
      const { hostArch } = await import('../base/arch.js')
      const { outputFile } = await import('../base/output-file.js')
      const platform = options.platform ?? `linux/${hostArch()}`
      const write = options.outfile === '-' ? undefined : await outputFile(options.outfile)
      const archive = exportImage(await openCache(cacheDirectory), image, { ...options, platform }, signal)
      if (write === undefined) await pipeline(archive, standardOutput(), { end: false })
      else await write(archive)
    })

  command
    .command('rm')
    .description('remove images, and the blobs that no other image needs')
    .argument('<name...>', 'images as "cache ls" shows them, or as a yml names them')
    .option('--published-only', 'leave images in the cache that their registries do not have just so')
    .action(async (images: readonly string[], { publishedOnly }: { readonly publishedOnly?: true }) => {
      const cli = context()
      const { fullNames, removeImages } = await import('../image/garbage.js')
      const { openCache } = await import('../image/cache.js')
      const cache = await openCache(cli.cacheDirectory)
      const names = publishedOnly === true ? await published(cache, await fullNames(cache, images), cli) : images
      const removed = await removeImages(cache, names)
      for (const name of removed.names) cli.progress({ type: 'info', message: `Removed ${name}` })
      reportKept(removed, cli)
    })

  command
    .command('clean')
    .description('empty the cache: images, downloads, everything')
    .addOption(
      new Option('--unused', 'remove only what no image needs: blobs of replaced images, unfinished downloads').conflicts('publishedOnly'),
    )
    .option('--published-only', 'remove only images that their registries have just so')
    .action(async ({ unused, publishedOnly }: { readonly unused?: true; readonly publishedOnly?: true }) => {
      const cli = context()
      const { openCache } = await import('../image/cache.js')
      const { collectGarbage, emptyCache, removeImages } = await import('../image/garbage.js')
      const cache = await openCache(cli.cacheDirectory)
      if (unused !== true && publishedOnly !== true) {
        reportKept(await emptyCache(cache), cli)
        cli.progress({ type: 'info', message: `Cache emptied: ${cli.cacheDirectory}` })
        return
      }
      const all = (await cache.names()).map(({ name }) => name)
      const collected = unused === true ? await collectGarbage(cache) : await removeImages(cache, await published(cache, all, cli))
      cli.progress({ type: 'info', message: `Removed ${collected.removed} blobs, ${bytes(collected.bytes)}` })
      reportKept(collected, cli)
    })

  command
    .command('check')
    .description('compare every blob with its digest, and fetch anew what is damaged or missing')
    .option('--no-repair', 'only report; damaged blobs are removed all the same')
    .action(async ({ repair }: { readonly repair: boolean }) => check(repair, context()))
}

async function published(cache: ImageCache, names: readonly string[], cli: CliContext): Promise<readonly string[]> {
  const { publishedImages } = await import('../image/published.js')
  const images = (await cache.names()).filter(({ name }) => names.includes(name))
  return (await publishedImages(images, await registryClient(cli), cli.progress)).map(({ name }) => name)
}

async function registryClient(cli: CliContext): Promise<RegistryClient> {
  const { connect } = await import('../image/registry/connect.js')
  return connect(cli, cli.progress, cli.signal)
}

function reportKept({ kept }: Collected, { progress }: CliContext): void {
  if (kept === 0) return
  progress({
    type: 'info',
    message: `Left ${kept} unused blobs, because another linuxkit is storing images; "linuxkit cache clean --unused" removes them later`,
  })
}

async function check(repair: boolean, cli: CliContext): Promise<void> {
  const { openCache } = await import('../image/cache.js')
  const { checkCache, repairImage } = await import('../image/check.js')
  const { LinuxkitError, LinuxkitErrors } = await import('../base/errors.js')
  const cache = await openCache(cli.cacheDirectory)
  const report = await checkCache(cache, cli.progress, cli.signal)
  cli.print(`${report.blobs} blobs, ${bytes(report.bytes)}; ${report.damaged.length} damaged, ${report.broken.length} images affected`)
  const client = await registryClient(cli)
  const lost: LinuxkitErrorType[] = []
  for (const image of report.broken) {
    const what = image.blobs.map(({ digest, problem }) => `${digest} is ${problem}`).join(', ')
    if (!repair) {
      lost.push(new LinuxkitError('cache/damaged', `${image.name}: ${what}`, { hint: 'pull or build it again' }))
      continue
    }
    try {
      await repairImage(cache, image, client, report.damaged)
      cli.print(`${image.name}: repaired (${what})`)
    } catch (error) {
      if (!(error instanceof LinuxkitError)) throw error
      const hint = `build the image again, or remove it: linuxkit cache rm ${image.name}`
      lost.push(
        new LinuxkitError('cache/damaged', `${image.name}: ${what}, and it cannot be fetched: ${error.message}`, { hint, cause: error }),
      )
    }
  }
  if (lost.length > 0) throw new LinuxkitErrors('cache/damaged', `${lost.length} images of the cache cannot be used`, lost)
}
