import type { Command } from 'commander'
import type { CliContext } from './context.js'

/** `linuxkit version`: scripts of LinuxKit users read its second line or `--short`. */
export function addVersionCommand(program: Command, context: () => CliContext, name: string): void {
  program
    .command('version')
    .description('print the version')
    .option('--short', 'print the version number only')
    .action((options: { readonly short?: true }) => {
      context().print(options.short === true ? LINUXKIT_VERSION : `${name} version ${LINUXKIT_VERSION}`)
    })
}
