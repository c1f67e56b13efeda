import type { Command } from 'commander'
import type { CliContext } from './context.js'
import { bytes } from './progress.js'
import { formatTable } from './table.js'

/** `linuxkit cache`: what is done with the images on disk. */
export function addCacheCommand(program: Command, context: () => CliContext): void {
  const command = program.command('cache').description('Show and change what is in the image cache')

  command
    .command('ls')
    .description('list the images in the cache')
    .action(async () => {
      const cli = context()
      const { openCache } = await import('../image/cache.js')
      const { listImages } = await import('../image/list.js')
      const images = await listImages(await openCache(cli.cacheDirectory))
      const rows = images.map(({ name, platforms, digest, size }) => [name, platforms.join(','), digest.slice(7, 19), bytes(size)])
      for (const line of formatTable(['NAME', 'PLATFORMS', 'DIGEST', 'SIZE'], rows)) cli.print(line)
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
    .description('remove what no image needs: blobs of replaced images, unfinished downloads')
    .action(async () => {
      const { cacheDirectory, progress } = context()
      const { openCache } = await import('../image/cache.js')
      const { collectGarbage } = await import('../image/garbage.js')
      const collected = await collectGarbage(await openCache(cacheDirectory))
      progress({ type: 'info', message: `Removed ${collected.removed} blobs, ${bytes(collected.bytes)}` })
      if (collected.kept > 0) {
        progress({ type: 'info', message: `Left ${collected.kept} blobs of the last hour, which a running build may be about to use` })
      }
    })
}
