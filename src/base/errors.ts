/** A place in a text file that an error is about. Lines and columns count from 1. */
export interface Place {
  readonly file: string
  readonly line?: number
  readonly column?: number
  /** The text of that line, so that it can be shown with a caret. */
  readonly text?: string
}

export interface ErrorDetails {
  readonly where?: Place | undefined
  /** What the user can do about it, as a sentence. */
  readonly hint?: string | undefined
  readonly cause?: unknown
}

/**
 * The one class of errors that are not bugs: bad input, a missing file, a registry that says no.
 * `code` is stable and machine-readable (`config/unknown-key`); `message` is in the user's terms.
 * Everything else that is thrown is a defect of this program and is reported as one.
 */
export class LinuxkitError extends Error {
  readonly code: string
  readonly where: Place | undefined
  readonly hint: string | undefined

  constructor(code: string, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.name = 'LinuxkitError'
    this.code = code
    this.where = details.where
    this.hint = details.hint
  }
}

/** Several problems found in one pass, so that the user mends all of them at once. */
export class LinuxkitErrors extends LinuxkitError {
  readonly errors: readonly LinuxkitError[]

  constructor(code: string, message: string, errors: readonly LinuxkitError[]) {
    super(code, message)
    this.errors = errors
  }
}

/** True for an error of the operating system, such as `ENOENT`, optionally of that very code. */
export function isSystemError(error: unknown, code?: string): error is NodeJS.ErrnoException {
  return (
    error instanceof Error &&
    'code' in error &&
    typeof error.code === 'string' &&
    'syscall' in error &&
    (code === undefined || error.code === code)
  )
}
