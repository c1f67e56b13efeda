import type { Command } from 'commander'
import type { Package } from '../pkg/package.js'
import type { CliContext } from './context.js'

interface TagFlags {
  readonly buildYml: string
  readonly org?: string
  readonly tag?: string
  readonly hash?: string
  readonly hashCommit: string
  readonly hashPath?: string
  readonly forceDirty?: true
  readonly dev?: true
}

interface ShowTagFlags extends TagFlags {
  readonly canonical?: true
}

interface BuildFlags extends TagFlags {
  readonly platforms?: string
  readonly force?: true
  readonly debianMirror?: string
  readonly debianKeyring?: string
}

/** `linuxkit pkg`: the images that this repository's and one's own packages are made into. */
export function addPkgCommand(program: Command, context: () => CliContext): void {
  const command = program.command('pkg').description('Make images from packages: directories with a build.yml')

  withTagFlags(command.command('build'))
    .description('build packages into the image cache')
    .argument('<directory...>', 'the packages')
    .option('--platforms <list>', "what to build for, like linux/amd64,linux/arm64 (default: this machine's)")
    .option('--force', 'build also what is in the cache already')
    .option('--debian-mirror <url>', "mirror of the Debian archive (default: LINUXKIT_DEBIAN_MIRROR, else that of this host's apt)")
    .option('--debian-keyring <file>', 'keys that the Debian archive is signed with')
    .action(async (directories: readonly string[], flags: BuildFlags) => {
      const { cacheDirectory, progress, signal, print } = context()
      const { openCache } = await import('../image/cache.js')
      const { buildPackage, parsePlatforms } = await import('../pkg/builder.js')
      const { hostArch } = await import('../base/arch.js')
      const { debianMirror: mirror, debianKeyring: keyring } = flags
      const options = {
        ...flags,
        platforms: flags.platforms === undefined ? [hostArch()] : parsePlatforms(flags.platforms),
        mirror,
        keyring,
        cache: await openCache(cacheDirectory),
        progress,
        signal,
      }
      for (const directory of directories) {
        const { reference, descriptor } = await buildPackage(directory, options)
        print(`${reference.text}@${descriptor.digest}`)
      }
    })

  withTagFlags(command.command('show-tag'))
    .description('print the tags that packages have')
    .argument('<directory...>', 'the packages')
    .option('--canonical', 'with the registry, as the image is filed in the cache')
    .action(async (directories: readonly string[], flags: ShowTagFlags) => {
      const { signal, print } = context()
      const { loadPackage } = await import('../pkg/package.js')
      const { expandName } = await import('../image/reference.js')
      // Read all before anything is printed, so that a script gets all tags or none.
      const packages: Package[] = []
      for (const directory of directories) packages.push(await loadPackage(directory, { ...flags, signal }))
      for (const one of packages) print(flags.canonical === true ? expandName(one.tag) : one.tag)
    })
}

function withTagFlags(command: Command): Command {
  return (
    command
      .option('--build-yml <name>', 'name of the description in the package directory', 'build.yml')
      // An empty variable counts as none, while an empty flag is an empty organisation.
      .option(
        '--org <name>',
        'organisation of the image, instead of LINUXKIT_PKG_ORG or that in the build.yml',
        process.env['LINUXKIT_PKG_ORG'] || undefined,
      )
      .option('--tag <template>', 'template of the tag, instead of that in the build.yml')
      .option('--hash <hash>', 'hash to put into the tag, instead of that of the git tree')
      .option('--hash-commit <commit>', 'commit whose tree is hashed', 'HEAD')
      .option('--hash-path <directory>', 'directory to hash instead of the package; it must hold the package')
      .option('--force-dirty', 'mark the package as changed')
      .option('--dev', 'organisation is the user, hash is "dev"')
  )
}
