import {
  array,
  check,
  literal,
  minLength,
  nullable,
  nullish,
  optional,
  pipe,
  record,
  regex,
  strictObject,
  string,
  transform,
  union,
  type GenericSchema,
  type InferOutput,
} from 'valibot'
import { arches, flag, globs, id, imagePath, list, permissions, section, text } from './fields.js'

/** Debian Policy 5.6.1: lower case letters, digits, plus, minus and full stop, at least two characters. */
const packageName = pipe(string(), regex(/^[a-z0-9][a-z0-9+.-]+$/, 'this is not the name of a Debian package'))

const debianPackage = union([packageName, strictObject({ name: packageName, arches })])

const program = strictObject({
  program: pipe(string(), regex(/^[a-z0-9][a-z0-9._-]*$/i, 'this is not the name of a program below cmd/')),
  path: imagePath,
  source: text('../../guest'),
  arches,
})

const KINDS = ['contents', 'source', 'symlink', 'directory'] as const

const file = pipe(
  strictObject({
    path: imagePath,
    contents: optional(string()),
    source: optional(string()),
    symlink: optional(pipe(string(), minLength(1))),
    directory: optional(literal(true)),
    mode: optional(permissions),
    uid: optional(id, 0),
    gid: optional(id, 0),
    arches,
  }),
  check((one) => KINDS.filter((kind) => one[kind] !== undefined).length === 1, `expected exactly one of ${KINDS.join(', ')}`),
)

/** A name in etc/passwd or etc/group, where ":" parts the fields (passwd(5)). */
const accountName = pipe(string(), regex(/^[^:\s]+$/, 'this is not the name of an account'))
const accountField = pipe(string(), regex(/^[^:\n]*$/, 'neither ":" nor a line end can stand here'))

const user = strictObject({
  name: accountName,
  uid: id,
  gid: optional(id),
  group: optional(accountName),
  home: optional(accountField, '/nonexistent'),
  shell: optional(accountField, '/usr/sbin/nologin'),
  password: optional(accountField),
})

const kernel = strictObject({
  modules: nullish(strictObject({ keep: globs, remove: globs })),
  decompress: flag(false),
})

/** Whether accounts are given makes a difference, be it none. */
function accounts<Input, Output>(item: GenericSchema<Input, Output>) {
  return optional(
    pipe(
      nullable(array(item)),
      transform((items): readonly Output[] => items ?? []),
    ),
  )
}

/** What an image is made of: the files of Debian packages with their dependencies, filtered, and files of one's own laid over them. */
export const debianSection = strictObject({
  release: text('trixie'),
  packages: list(debianPackage),
  exclude: list(packageName),
  keep: globs,
  remove: globs,
  'merged-usr': flag(true),
  programs: list(program),
  files: list(file),
  links: nullish(record(string(), array(string())), {}),
  users: accounts(user),
  groups: accounts(strictObject({ name: accountName, gid: id })),
  'ca-bundle': flag(false),
  kernel: section(kernel),
})

export type DebianSection = InferOutput<typeof debianSection>
export type GuestProgram = InferOutput<typeof program>
export type FileEntry = InferOutput<typeof file>
export type User = InferOutput<typeof user>
export type Group = { readonly name: string; readonly gid: number }
export type KernelSection = InferOutput<typeof kernel>

/** Whether an entry is for an architecture. */
export function isFor(one: { readonly arches?: readonly string[] | undefined }, arch: string): boolean {
  return one.arches === undefined || one.arches.includes(arch)
}
