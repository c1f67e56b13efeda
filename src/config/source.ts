import { readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { readAll } from '../base/content.js'
import { isSystemError, LinuxkitError } from '../base/errors.js'

/** The text of a configuration and where it comes from. */
export interface SourceText {
  /** The name that messages use. */
  readonly file: string
  readonly text: string
  /** What paths in it are relative to; undefined for a URL. */
  readonly directory: string | undefined
}

export interface SourceOptions {
  readonly stdin?: AsyncIterable<Uint8Array> | undefined
  readonly signal?: AbortSignal | undefined
}

/** A yml is written by people; whatever is larger is something else. */
const LIMIT = 64 << 20

/**
 * Reads a configuration from a file, from `-` (standard input) or from an http(s) URL.
 * @throws {LinuxkitError} `config/unreadable`, `config/not-utf8`
 */
export async function readSource(source: string, options: SourceOptions): Promise<SourceText> {
  if (source === '-') {
    const bytes = await readAll(options.stdin ?? process.stdin, LIMIT).catch((cause: unknown) => {
      throw unreadable('standard input', cause)
    })
    return { file: 'standard input', text: decode(bytes, 'standard input'), directory: '.' }
  }
  if (/^https?:\/\//.test(source))
    return { file: source, text: decode(await download(source, options.signal), source), directory: undefined }
  const bytes = await readFile(source).catch((cause: unknown) => {
    throw unreadable(source, cause)
  })
  return { file: source, text: decode(bytes, source), directory: dirname(source) }
}

async function download(url: string, signal: AbortSignal | undefined): Promise<Uint8Array> {
  try {
    const response = await fetch(url, signal === undefined ? {} : { signal })
    if (!response.ok) {
      await response.body?.cancel()
      throw new LinuxkitError('config/unreadable', `${url} answers ${response.status} ${response.statusText}`)
    }
    return response.body === null ? new Uint8Array(0) : await readAll(response.body, LIMIT)
  } catch (cause) {
    signal?.throwIfAborted()
    throw cause instanceof LinuxkitError ? cause : unreadable(url, cause)
  }
}

function decode(bytes: Uint8Array, file: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (cause) {
    throw new LinuxkitError('config/not-utf8', `${file} is not UTF-8 text`, { where: { file }, cause })
  }
}

function unreadable(file: string, cause: unknown): LinuxkitError {
  if (isSystemError(cause, 'ENOENT')) return new LinuxkitError('config/unreadable', `there is no file ${file}`, { where: { file }, cause })
  if (isSystemError(cause, 'EISDIR')) return new LinuxkitError('config/unreadable', `${file} is a directory`, { where: { file }, cause })
  // fetch says what went wrong in the cause of its error only.
  const inner = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause
  const reason = inner instanceof Error ? inner.message : String(inner)
  return new LinuxkitError('config/unreadable', `cannot read ${file}: ${reason}`, { where: { file }, cause })
}
