import { resolve } from 'node:path'
import { entry, type Entry } from '../archive/entry.js'
import type { Arch } from '../base/arch.js'
import { concatContents } from '../base/content.js'
import { LinuxkitError } from '../base/errors.js'
import { accountFiles, addAccountFiles } from './accounts.js'
import { isFor, type DebianSection } from './debian-section.js'
import { readDeb, type DownloadedPackage } from './debian/index.js'
import { FileTree } from './file-tree.js'
import { compileFilter, expandBraces } from './glob.js'
import { buildGuestProgram } from './guest-program.js'
import { ownFiles } from './own-files.js'
import type { Package } from './package.js'
import type { Spool } from './spool.js'

/** What nobody reads in an image. */
const REMOVED_BY_DEFAULT = ['usr/share/{doc,man,info,locale,lintian,linda,bug,doc-base,menu,bash-completion,zsh,fish,gtk-doc,help}']

const CERTIFICATES = 'usr/share/ca-certificates/mozilla/'

/** Path of the dynamic loader that is written into programs, and where Debian's libc6 has the loader (each architecture's System V ABI supplement). */
const LOADERS: Readonly<Record<Arch, readonly [interpreter: string, file: string]>> = {
  amd64: ['lib64/ld-linux-x86-64.so.2', 'usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2'],
  arm64: ['lib/ld-linux-aarch64.so.1', 'usr/lib/aarch64-linux-gnu/ld-linux-aarch64.so.1'],
  riscv64: ['lib/ld-linux-riscv64-lp64d.so.1', 'usr/lib/riscv64-linux-gnu/ld-linux-riscv64-lp64d.so.1'],
  s390x: ['lib/ld64.so.1', 'usr/lib/s390x-linux-gnu/ld64.so.1'],
}

/** The directories of a merged root that are links into usr/ (Debian Policy 10.1). */
function mergedNames(arch: Arch): readonly string[] {
  return arch === 'amd64' ? ['bin', 'sbin', 'lib', 'lib64'] : ['bin', 'sbin', 'lib']
}

/**
 * The files of Debian packages in one tree, unpacked as on a root with a merged usr/. Contents are spooled.
 * @throws {LinuxkitError} for a package that is damaged
 */
export async function unpackPackages(
  packages: readonly DownloadedPackage[],
  arch: Arch,
  spool: Spool,
  signal: AbortSignal,
): Promise<FileTree> {
  const tree = new FileTree()
  addMergedLinks(tree, arch)
  for (const { path } of packages) {
    for await (const one of (await readDeb(path)).entries) {
      signal.throwIfAborted()
      tree.add(one.type === 'file' ? { ...one, content: await spool.add(one.content.open()) } : one)
    }
  }
  return tree
}

/**
 * Makes the root of an image out of the packages' tree, which is changed: filters it and lays over it what the section says.
 * @throws {LinuxkitError} for missing sources, programs that do not compile, and a bundle without certificates
 */
export async function composeRoot(
  tree: FileTree,
  one: Package,
  section: DebianSection,
  arch: Arch,
  spool: Spool,
  signal: AbortSignal,
): Promise<void> {
  // These look at what Debian has before it is filtered.
  const accounts =
    section.users === undefined && section.groups === undefined
      ? undefined
      : await accountFiles(tree, section.users ?? [], section.groups ?? [])
  const bundle = section['ca-bundle'] ? caBundle(tree, one) : undefined

  tree.filter(compileFilter({ keep: section.keep, remove: [...REMOVED_BY_DEFAULT, ...section.remove] }))
  for (const name of mergedNames(arch)) tree.remove(name)
  if (section['merged-usr']) addMergedLinks(tree, arch)
  addLoader(tree, arch)

  if (bundle !== undefined) tree.add(bundle)
  if (accounts !== undefined) addAccountFiles(tree, accounts)
  for (const { program, path, source } of section.programs.filter((program) => isFor(program, arch))) {
    const content = await buildGuestProgram({ program, source: resolve(one.directory, source), arch, directory: spool.directory, signal })
    tree.add(entry({ path, type: 'file', mode: 0o755, content }))
  }
  for (const [index, file] of section.files.entries()) {
    if (!isFor(file, arch)) continue
    for (const own of await ownFiles(one.directory, file, one.document.place(['debian', 'files', index], 'value'))) tree.add(own)
  }
  for (const [target, patterns] of Object.entries(section.links)) {
    for (const path of patterns.flatMap(expandBraces))
      tree.add(entry({ path, type: 'symlink', link: target.startsWith('/') ? target : `/${target}` }))
  }
}

function addMergedLinks(tree: FileTree, arch: Arch): void {
  for (const name of mergedNames(arch)) {
    tree.add(entry({ path: `usr/${name}`, type: 'directory' }))
    tree.add(entry({ path: name, type: 'symlink', link: `usr/${name}` }))
  }
}

/** Programs name the loader by a path at the root, be there a merged usr/ or not. */
function addLoader(tree: FileTree, arch: Arch): void {
  const [interpreter, file] = LOADERS[arch]
  if (tree.get(file) !== undefined && tree.resolve(interpreter) === undefined)
    tree.add(entry({ path: interpreter, type: 'symlink', link: `/${file}` }))
}

/** All certificates of Debian's ca-certificates in one file, as its maintainer script makes it (update-ca-certificates(8)). */
function caBundle(tree: FileTree, one: Package): Entry {
  const certificates = tree.paths.filter((path) => path.startsWith(CERTIFICATES) && path.endsWith('.crt'))
  if (certificates.length === 0) {
    throw new LinuxkitError('pkg/no-certificates', 'there are no certificates for the bundle', {
      where: one.document.place(['debian', 'ca-bundle'], 'key'),
      hint: 'add ca-certificates to "packages"',
    })
  }
  const contents = certificates.flatMap((path) => tree.get(path)?.content ?? [])
  return entry({ path: 'etc/ssl/certs/ca-certificates.crt', type: 'file', content: concatContents(contents) })
}
