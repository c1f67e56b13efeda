import type { Command } from 'commander'
import type { CliContext } from './context.js'

/** `linuxkit schema`. */
export function addSchemaCommand(program: Command, context: () => CliContext): void {
  program
    .command('schema')
    .description('print the JSON Schema of a yml, for editors')
    .option('--package', "print that of a package's build.yml instead")
    .action(async (flags: { readonly package?: true }) => {
      const { jsonSchemas } = await import('../config/json-schemas.js')
      context().print(JSON.stringify(jsonSchemas[flags.package === true ? 'build' : 'linuxkit'], undefined, 2))
    })
}
