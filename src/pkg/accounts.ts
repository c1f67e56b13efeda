import { entry } from '../archive/entry.js'
import { readContent, textContent } from '../base/content.js'
import type { Group, User } from './debian-section.js'
import type { FileTree } from './file-tree.js'

/** Where Debian's base-passwd keeps what its maintainer script copies to etc/. */
const MASTER = 'usr/share/base-passwd'
const BARE_PASSWD = 'root:x:0:0:root:/root:/bin/sh\n'
const BARE_GROUP = 'root:x:0:\n'

/**
 * The files etc/passwd and etc/group (passwd(5), group(5)), and etc/shadow (shadow(5)) when a user has a password: what the tree has,
 * or Debian's master files, or root alone, with the given accounts added. An account that is there already is replaced.
 * Must see the tree before it is filtered.
 */
export async function accountFiles(
  tree: FileTree,
  users: readonly User[],
  groups: readonly Group[],
): Promise<ReadonlyMap<string, AccountFile>> {
  const passwd = parse(await firstOf(tree, ['etc/passwd', `${MASTER}/passwd.master`], BARE_PASSWD))
  const group = parse(await firstOf(tree, ['etc/group', `${MASTER}/group.master`], BARE_GROUP))
  for (const { name, gid } of groups) group.set(name, `${name}:x:${gid}:`)
  for (const user of users) {
    const { name, uid, gid = uid, home, shell } = user
    // The group of a user who gives only its number exists already when the base has it.
    const known = [...group.values()].some((line) => line.split(':')[2] === String(gid))
    if (user.group !== undefined || !known) group.set(user.group ?? name, `${user.group ?? name}:x:${gid}:`)
    passwd.set(name, `${name}:x:${uid}:${gid}::${home}:${shell}`)
  }
  const files = new Map([
    ['etc/passwd', { text: format(passwd), mode: 0o644 }],
    ['etc/group', { text: format(group), mode: 0o644 }],
  ])
  if (users.some(({ password }) => password !== undefined)) {
    const passwords = new Map(users.map(({ name, password }) => [name, password]))
    // Without a day of the last change a password does not age (shadow(5)).
    const lines = [...passwd.keys()].map((name) => `${name}:${passwords.get(name) ?? '*'}::0:99999:7:::\n`)
    files.set('etc/shadow', { text: lines.join(''), mode: 0o640 })
  }
  return files
}

export interface AccountFile {
  readonly text: string
  readonly mode: number
}

export function addAccountFiles(tree: FileTree, files: ReadonlyMap<string, AccountFile>): void {
  for (const [path, { text, mode }] of files) tree.add(entry({ path, type: 'file', mode, content: textContent(text) }))
}

async function firstOf(tree: FileTree, paths: readonly string[], fallback: string): Promise<string> {
  for (const path of paths) {
    const found = tree.resolve(path)
    if (found?.type === 'file') return (await readContent(found.content)).toString('utf8')
  }
  return fallback
}

/** Lines by the name they begin with. */
function parse(text: string): Map<string, string> {
  return new Map(
    text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => [line.slice(0, line.indexOf(':')), line]),
  )
}

function format(lines: ReadonlyMap<string, string>): string {
  return [...lines.values()].map((line) => `${line}\n`).join('')
}
