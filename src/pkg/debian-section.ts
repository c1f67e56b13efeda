import { z } from 'zod'
import { arches, flag, globs, imagePath, list, permissions, text } from './fields.js'

/** Debian Policy 5.6.1: lower case letters, digits, plus, minus and full stop, at least two characters. */
const packageName = z.string().regex(/^[a-z0-9][a-z0-9+.-]+$/, 'this is not the name of a Debian package')

const debianPackage = z.union([packageName, z.strictObject({ name: packageName, arches })])

const program = z.strictObject({
  program: z.string().regex(/^[a-z0-9][a-z0-9._-]*$/i, 'this is not the name of a program below cmd/'),
  path: imagePath,
  source: text('../../guest'),
  arches,
})

const KINDS = ['contents', 'source', 'symlink', 'directory'] as const

const file = z
  .strictObject({
    path: imagePath,
    contents: z.string().optional(),
    source: z.string().optional(),
    symlink: z.string().min(1).optional(),
    directory: z.literal(true).optional(),
    mode: permissions.optional(),
    uid: z.int().min(0).default(0),
    gid: z.int().min(0).default(0),
    arches,
  })
  .refine((one) => KINDS.filter((kind) => one[kind] !== undefined).length === 1, `expected exactly one of ${KINDS.join(', ')}`)

/** A name in etc/passwd or etc/group, where ":" parts the fields (passwd(5)). */
const accountName = z.string().regex(/^[^:\s]+$/, 'this is not the name of an account')
const accountField = z.string().regex(/^[^:\n]*$/, 'neither ":" nor a line end can stand here')

const user = z.strictObject({
  name: accountName,
  uid: z.int().min(0),
  gid: z.int().min(0).optional(),
  group: accountName.optional(),
  home: accountField.default('/nonexistent'),
  shell: accountField.default('/usr/sbin/nologin'),
  password: accountField.optional(),
})

const kernel = z.strictObject({
  modules: z.strictObject({ keep: globs, remove: globs }).nullish(),
  decompress: flag(false),
})

/** Whether accounts are given makes a difference, be it none. */
function accounts<T extends z.ZodType>(item: T) {
  return z
    .array(item)
    .nullable()
    .optional()
    .transform((items) => (items === null ? [] : items))
}

/** What an image is made of: the files of Debian packages with their dependencies, filtered, and files of one's own laid over them. */
export const debianSection = z.strictObject({
  release: text('trixie'),
  packages: list(debianPackage),
  exclude: list(packageName),
  keep: globs,
  remove: globs,
  'merged-usr': flag(true),
  programs: list(program),
  files: list(file),
  links: z
    .record(z.string(), z.array(z.string()))
    .nullish()
    .transform((links) => links ?? {}),
  users: accounts(user),
  groups: accounts(z.strictObject({ name: accountName, gid: z.int().min(0) })),
  'ca-bundle': flag(false),
  kernel: kernel.nullish().transform((section) => section ?? undefined),
})

export type DebianSection = z.infer<typeof debianSection>
export type GuestProgram = z.infer<typeof program>
export type FileEntry = z.infer<typeof file>
export type User = z.infer<typeof user>
export type Group = { readonly name: string; readonly gid: number }
export type KernelSection = z.infer<typeof kernel>

/** Whether an entry is for an architecture. */
export function isFor(one: { readonly arches?: readonly string[] | undefined }, arch: string): boolean {
  return one.arches === undefined || one.arches.includes(arch)
}
