import type { Command } from 'commander'

/** What Go takes for a boolean (strconv.ParseBool); LinuxKit's scripts may say `--pull=false`. */
const VALUES: ReadonlyMap<string, boolean> = new Map([
  ...['1', 't', 'T', 'true', 'TRUE', 'True'].map((text) => [text, true] as const),
  ...['0', 'f', 'F', 'false', 'FALSE', 'False'].map((text) => [text, false] as const),
])

/** The command line with options that are on or off written without a value: `--pull=true` is `--pull`, `--pull=false` is nothing. */
export function withoutBooleanValues(argv: readonly string[], program: Command): readonly string[] {
  const names = new Set(switches(program))
  const end = argv.indexOf('--')
  return argv.flatMap((argument, index) => {
    const equals = argument.indexOf('=')
    if (equals === -1 || (end !== -1 && index > end)) return [argument]
    const name = argument.slice(0, equals)
    const value = names.has(name) ? VALUES.get(argument.slice(equals + 1)) : undefined
    if (value === undefined) return [argument]
    return value ? [name] : []
  })
}

function* switches(command: Command): Iterable<string> {
  for (const { long, required, optional } of command.options) if (typeof long === 'string' && !required && !optional) yield long
  for (const inner of command.commands) yield* switches(inner)
}
