import { styleText } from 'node:util'
import { isSystemError, LinuxkitError, LinuxkitErrors, type Place } from '../base/errors.js'

/** What the operating system's error codes mean to a user. */
const SYSTEM_ERRORS: Readonly<Record<string, { readonly message: string; readonly hint?: string }>> = {
  ENOENT: { message: 'no such file or directory' },
  EACCES: { message: 'permission denied' },
  EPERM: { message: 'operation not permitted' },
  ENOSPC: { message: 'no space left on the disk', hint: 'free some space, or choose another directory with --dir, --cache or TMPDIR' },
  EDQUOT: { message: 'the disk quota is used up' },
  EROFS: { message: 'the file system is read-only' },
  EISDIR: { message: 'is a directory' },
  ENOTDIR: { message: 'a part of the path is not a directory' },
  EPIPE: { message: 'nobody reads the output any more' },
  EMFILE: { message: 'too many open files', hint: 'raise the limit with ulimit -n' },
}

export interface Report {
  readonly text: string
  readonly exitCode: number
}

/** Turns anything thrown into what the user reads and the status that the process ends with. */
export function reportError(error: unknown, colour: boolean): Report {
  if (isAbort(error)) return { text: 'interrupted', exitCode: 130 }
  const paint = painter(colour)
  if (error instanceof LinuxkitErrors) {
    return { text: error.errors.map((one) => describe(one, paint)).join('\n\n'), exitCode: 1 }
  }
  if (error instanceof LinuxkitError) return { text: describe(error, paint), exitCode: 1 }
  if (isSystemError(error)) return { text: describe(fromSystem(error), paint), exitCode: 1 }
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error)
  return { text: `${paint.error('Error:')} this is a defect of linuxkit, please report it\n${stack}`, exitCode: 70 }
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && (error.name === 'AbortError' || (error.cause !== undefined && isAbort(error.cause)))
}

function fromSystem(error: NodeJS.ErrnoException): LinuxkitError {
  const known = SYSTEM_ERRORS[error.code ?? '']
  const subject = error.path === undefined ? '' : `${error.path}: `
  return new LinuxkitError(`system/${error.code ?? 'unknown'}`, subject + (known?.message ?? error.message), { hint: known?.hint })
}

type Painter = Readonly<Record<'error' | 'place' | 'caret' | 'hint', (text: string) => string>>

function painter(colour: boolean): Painter {
  const style = (format: Parameters<typeof styleText>[0]) => (text: string) => (colour ? styleText(format, text) : text)
  return { error: style(['bold', 'red']), place: style('dim'), caret: style('red'), hint: style('cyan') }
}

function describe(error: LinuxkitError, paint: Painter): string {
  const lines = [`${paint.error('Error:')} ${error.message}`]
  if (error.where !== undefined) lines.push(...showPlace(error.where, paint))
  if (error.hint !== undefined) lines.push(`${paint.hint('hint:')} ${error.hint}`)
  return lines.join('\n')
}

/** The place as compilers show it: file:line:column, the line itself, and a caret under the column. */
function showPlace(place: Place, paint: Painter): string[] {
  if (place.line === undefined) return [paint.place(`  --> ${place.file}`)]
  const column = place.column ?? 1
  const lines = [paint.place(`  --> ${place.file}:${place.line}:${column}`)]
  if (place.text === undefined) return lines
  const number = String(place.line)
  // A tab before the caret has to stay a tab, or the caret would not stand under its column.
  const indent = place.text.slice(0, column - 1).replace(/[^\t]/gu, ' ')
  lines.push(`${paint.place(`${number} |`)} ${place.text}`, `${paint.place(`${' '.repeat(number.length)} |`)} ${indent}${paint.caret('^')}`)
  return lines
}
