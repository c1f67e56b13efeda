import type { Command } from 'commander'
import type { CliContext } from './context.js'

interface PushFlags {
  readonly remoteName?: string
  readonly withArchTags?: true
  readonly override?: true
  readonly merge: boolean
}

/** `linuxkit cache push`. */
export function addCachePushCommand(cache: Command, context: () => CliContext): void {
  cache
    .command('push')
    .description('bring images of the cache into their registries, for all platforms that the cache has')
    .argument('<name...>', 'the images')
    .option('--remote-name <name>', 'what to call the image in the registry (default: as in the cache)')
    .option('--with-arch-tags', 'give the image of each platform a tag of its own too: NAME-amd64')
    .option('--override', 'push even when the registry has something else under the name')
    .option('--no-merge', 'with --override: drop the images that the registry has under the name for other platforms')
    .action(async (names: readonly string[], flags: PushFlags) => {
      const { cacheDirectory, mirrors, certificateFiles, registryCreds, progress, signal } = context()
      const { pushImages } = await import('../image/registry/push-images.js')
      await pushImages(names, {
        cacheDirectory,
        mirrors,
        certificateFiles,
        registryCreds,
        remoteName: flags.remoteName,
        override: flags.override === true,
        merge: flags.merge,
        archTags: flags.withArchTags === true,
        progress,
        signal,
      })
    })
}
