import { entry } from '../archive/entry.js'
import type { TreeNode } from '../archive/tree.js'
import type { Content } from '../base/content.js'
import { LinuxkitError } from '../base/errors.js'

/**
 * The tree with a file of a boot loader in it, in the place of one that is there already. Missing directories are root's, mode 0755.
 * @throws {LinuxkitError} `disk/in-the-way` when what the path leads through is no directory, or there is one at its end
 */
export function treeWithFile(root: TreeNode, path: string, content: Content): TreeNode {
  return put(root, path, path.split('/'), content)
}

function put(directory: TreeNode, path: string, [name = '', ...rest]: readonly string[], content: Content): TreeNode {
  const at = directory.entry.path === '' ? name : `${directory.entry.path}/${name}`
  const present = directory.children?.find((child) => child.name === name)
  const isDirectory = rest.length > 0
  if (present !== undefined && (present.children !== undefined) !== isDirectory) {
    throw new LinuxkitError(
      'disk/in-the-way',
      `"${at}" is ${isDirectory ? 'no' : 'a'} directory, but the image needs the file "${path}" to boot`,
    )
  }
  const missing: TreeNode = { name, entry: entry({ path: at, type: 'directory' }), children: [] }
  const child: TreeNode = isDirectory
    ? put(present ?? missing, path, rest, content)
    : { name, entry: entry({ path: at, type: 'file', content }), children: undefined }
  const others = directory.children?.filter((one) => one !== present) ?? []
  return { ...directory, children: [...others, child].sort((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name))) }
}
