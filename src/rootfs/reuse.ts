import { allocateIds } from '../config/ids.js'
import { containerText } from '../config/metadata.js'
import { CONTAINER_SECTIONS, kernelFiles, type Config, type Container } from '../config/schema.js'
import { parseReference } from '../image/reference.js'

/**
 * The lines of a configuration that an earlier build has made just so: `kernel`, `init[0]`, `init` for what is joined of all init images,
 * `volume[1]`, `services[0]`. Nothing but the two configurations is compared, so an image whose name stands for something else by now counts as the same.
 */
export function unchangedLines(earlier: Config, now: Config): ReadonlySet<string> {
  const lines = new Set<string>()
  if (sameKernel(earlier, now)) lines.add('kernel')
  const sameInit = now.init.map((name, index) => sameImage(earlier.init[index], name))
  for (const [index, same] of sameInit.entries()) if (same) lines.add(`init[${index}]`)
  if (earlier.init.length === now.init.length && !sameInit.includes(false)) lines.add('init')
  for (const [index, volume] of now.volumes.entries()) {
    if (equal(earlier.volumes[index], volume)) lines.add(`volume[${index}]`)
  }
  for (const location of unchangedContainers(earlier, now)) lines.add(location)
  return lines
}

function sameKernel({ kernel: earlier }: Config, { kernel: now }: Config): boolean {
  return now.image !== undefined && sameImage(earlier.image, now.image) && equal(kernelFiles(earlier), kernelFiles(now))
}

function sameImage(earlier: string | undefined, now: string): boolean {
  if (earlier === undefined || earlier === '' || now === '') return false
  return parseReference(earlier).text === parseReference(now).text
}

/**
 * A container's bundle depends on its line, on the volumes and the ids that the line may name, and on the container that holds the tree of
 * its image: the first one with that image.
 */
function* unchangedContainers(earlier: Config, now: Config): Iterable<string> {
  if (!equal(earlier.volumes, now.volumes)) return
  const sameIds = equal([...allocateIds(earlier)], [...allocateIds(now)])
  const unchanged = new Set<string>()
  const holdersBefore = treeHolders(earlier)
  const holders = treeHolders(now)
  for (const section of CONTAINER_SECTIONS) {
    for (const [index, container] of now[section].entries()) {
      const location = `${section}[${index}]`
      const before = earlier[section][index]
      if (before === undefined || containerText(before) !== containerText(container)) continue
      if (!sameIds && namesIds(container)) continue
      const image = parseReference(container.image).text
      const holder = holders.get(image)
      if (holder !== holdersBefore.get(image)) continue
      if (holder !== location && (holder === undefined || !unchanged.has(holder))) continue
      unchanged.add(location)
      yield location
    }
  }
}

/** The first container of each image, whose bundle holds the image's tree. */
function treeHolders(config: Config): ReadonlyMap<string, string> {
  const holders = new Map<string, string>()
  for (const section of CONTAINER_SECTIONS) {
    for (const [index, { image }] of config[section].entries()) {
      const name = parseReference(image).text
      if (!holders.has(name)) holders.set(name, `${section}[${index}]`)
    }
  }
  return holders
}

function namesIds({ uid, gid, additionalGids = [] }: Container): boolean {
  return [uid, gid, ...additionalGids].some((id) => typeof id === 'string')
}

function equal(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}
