import { open } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { Option, type Command } from 'commander'
import type { ExportFormat, ExportOptions } from '../image/export.js'
import type { CliContext } from './context.js'
import { bytes } from './progress.js'
import { formatTable } from './table.js'

const EXPORT_FORMATS: readonly ExportFormat[] = ['oci', 'docker', 'filesystem']

/** `linuxkit cache`: what is done with the images on disk. */
export function addCacheCommand(program: Command, context: () => CliContext): void {
  const command = program.command('cache').description('Show and change what is in the image cache')

  command
    .command('ls')
    .description('list the images in the cache: name and digest')
    .option('--long', 'show platforms and sizes too')
    .action(async ({ long }: { readonly long?: true }) => {
      const cli = context()
      const { openCache } = await import('../image/cache.js')
      const { listImages } = await import('../image/list.js')
      const images = await listImages(await openCache(cli.cacheDirectory))
      // Scripts of LinuxKit users read the short form.
      const table =
        long === true
          ? formatTable(
              ['NAME', 'PLATFORMS', 'DIGEST', 'SIZE'],
              images.map(({ name, platforms, digest, size }) => [name, platforms.join(','), digest.slice(7, 19), bytes(size)]),
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
      const { cacheDirectory, mirrors, progress, signal } = context()
      const { pullImages } = await import('../image/registry/pull-images.js')
      await pullImages(names, { cacheDirectory, mirrors, platform, progress, signal })
    })

  command
    .command('import')
    .description('store the images of an OCI archive')
    .argument('<file>', 'the archive, compressed or not; "-" for standard input')
    .option('--name <name>', 'name for the only image of the archive')
    .action(async (file: string, options: { readonly name?: string }) => {
      const { cacheDirectory, progress, signal } = context()
      const { openCache } = await import('../image/cache.js')
      const { importImages } = await import('../image/import.js')
      const cache = await openCache(cacheDirectory)
      const archive = file === '-' ? process.stdin : (await open(file)).createReadStream()
      for (const name of await importImages(cache, archive, options.name, signal)) {
        progress({ type: 'info', message: `Imported ${name}` })
      }
    })

  command
    .command('export')
    .description('write an image as a tar archive')
    .argument('<name>', 'the image')
    .option('--outfile <file>', 'the archive to write; "-" for standard output (required)')
    .addOption(new Option('--format <format>', 'what to write').choices(EXPORT_FORMATS).default('oci'))
    .option('--platform <os/arch>', "which image of a multi-platform one (default: this machine's)")
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
      if (write === undefined) await pipeline(archive, process.stdout, { end: false })
      else await write(archive)
    })

  command
    .command('rm')
    .description('remove images, and the blobs that no other image needs')
    .argument('<name...>', 'images as "cache ls" shows them')
    .action(async (names) => {
      const { cacheDirectory, progress } = context()
      const { removeImages } = await import('../image/garbage.js')
      const { openCache } = await import('../image/cache.js')
      for (const name of await removeImages(await openCache(cacheDirectory), names)) {
        progress({ type: 'info', message: `Removed ${name}` })
      }
    })

  command
    .command('clean')
    .description('empty the cache: images, downloads, everything')
    .option('--unused', 'remove only what no image needs: blobs of replaced images, unfinished downloads')
    .action(async ({ unused }: { readonly unused?: true }) => {
      const { cacheDirectory, progress } = context()
      const { openCache } = await import('../image/cache.js')
      const { collectGarbage, emptyCache } = await import('../image/garbage.js')
      if (unused !== true) {
        await emptyCache(await openCache(cacheDirectory))
        progress({ type: 'info', message: `Cache emptied: ${cacheDirectory}` })
        return
      }
      const collected = await collectGarbage(await openCache(cacheDirectory))
      progress({ type: 'info', message: `Removed ${collected.removed} blobs, ${bytes(collected.bytes)}` })
      if (collected.kept > 0) {
        progress({ type: 'info', message: `Left ${collected.kept} blobs of the last hour, which a running build may be about to use` })
      }
    })
}
