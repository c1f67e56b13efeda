import { homedir } from 'node:os'
import { join } from 'node:path'
import { LinuxkitError, type Place } from '../base/errors.js'
import type { File } from './schema.js'

/** Where the content of a file comes from, or what is there instead of a file. */
export type FileOrigin =
  | { readonly type: 'directory' }
  | { readonly type: 'symlink'; readonly target: string }
  | { readonly type: 'contents'; readonly text: string }
  /** A file of this machine; with `optional`, one that does not exist is left out. */
  | { readonly type: 'source'; readonly path: string; readonly optional: boolean }
  | { readonly type: 'metadata'; readonly format: 'yaml' | 'json' }

/** One entry of the `files` section, checked and with its defaults. */
export interface FileSpec {
  /** Path inside the image without the leading slash. */
  readonly path: string
  /** Permission bits. */
  readonly mode: number
  /** Permission bits of directories that have to be made for it. */
  readonly parentMode: number
  readonly origin: FileOrigin
}

/** @throws {LinuxkitError} `config/file-path`, `config/file-mode`, `config/file-origin` */
export function fileSpec(file: File, where?: Place): FileSpec {
  if (file.path === '')
    throw new LinuxkitError('config/file-path', 'a file has no path', { where, hint: 'say where it goes: path: etc/name' })
  if (file.path.endsWith('/') && !file.directory) {
    const hint = 'leave the slash out, or say "directory: true"'
    throw new LinuxkitError('config/file-path', `the path "${file.path}" ends in a slash, as only a directory's may`, { where, hint })
  }
  const mode = file.mode === undefined ? (file.directory ? 0o700 : 0o600) : parseMode(file.mode, file.path, where)
  return { path: file.path.replace(/^\//, ''), mode, parentMode: searchable(mode), origin: origin(file, where) }
}

/** Whoever may do anything with the file may pass through the directories that lead to it. */
function searchable(mode: number): number {
  return [0o700, 0o070, 0o007].reduce((sum, triplet) => ((mode & triplet) === 0 ? sum : sum | (triplet & 0o111)), mode)
}

function parseMode(text: string, path: string, where: Place | undefined): number {
  if (/^0*[0-7]{1,6}$/.test(text)) return Number.parseInt(text, 8)
  throw new LinuxkitError('config/file-mode', `"${text}" is not a mode for ${path}`, { where, hint: 'write an octal number: mode: "0644"' })
}

function origin(file: File, where: Place | undefined): FileOrigin {
  const bad = (message: string, hint?: string): LinuxkitError =>
    new LinuxkitError('config/file-origin', `file ${file.path}: ${message}`, { where, hint })
  const other = file.source === undefined ? (file.metadata === undefined ? undefined : 'metadata') : 'source'
  const given = file.directory ? 'directory' : file.symlink !== undefined ? 'symlink' : file.contents !== undefined ? 'contents' : undefined
  if (given !== undefined && other !== undefined) throw bad(`it has both ${given} and ${other}`, 'remove one of them')
  if (file.directory) {
    if (file.contents !== undefined) throw bad('a directory has no contents', 'list what is in it as files of their own')
    return { type: 'directory' }
  }
  if (file.symlink !== undefined) return { type: 'symlink', target: file.symlink }
  if (file.contents !== undefined) return { type: 'contents', text: file.contents }
  if (file.source !== undefined) {
    if (file.metadata !== undefined) throw bad('it has both source and metadata', 'remove one of them')
    return { type: 'source', path: expandHome(file.source), optional: file.optional }
  }
  if (file.metadata === undefined) throw bad('it has no contents', 'give it one of contents, source, metadata, symlink, directory: true')
  if (file.metadata !== 'yaml' && file.metadata !== 'json')
    throw bad(`metadata cannot be written as "${file.metadata}"`, 'use yaml or json')
  return { type: 'metadata', format: file.metadata }
}

function expandHome(path: string): string {
  return path.startsWith('~/') && path.length > 2 ? join(homedir(), path.slice(2)) : path
}
