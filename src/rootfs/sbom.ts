import { posix } from 'node:path'
import { digestOf } from '../base/digest.js'
import { LinuxkitError } from '../base/errors.js'
import { textContent } from '../base/content.js'
import { entry } from '../archive/entry.js'
import type { CachedImage } from '../image/cached-image.js'
import { newPart, type Part } from './part.js'

/** An image whose tree lies at `prefix` in the root. */
export interface PlacedImage {
  readonly image: CachedImage
  readonly prefix: string
}

export interface SbomOptions {
  /** Path of the document in the tree. */
  readonly path: string
  /** Creation time that the document states, RFC 3339. */
  readonly created: string
}

type Json = Readonly<Record<string, unknown>>

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

const SUPPORTED_VERSIONS: ReadonlySet<unknown> = new Set(['SPDX-2.1', 'SPDX-2.2', 'SPDX-2.3'])

/** The lists of an SPDX 2.3 document that a merge concatenates (SPDX specification 2.3, chapters 7 to 12). */
const LISTS = ['packages', 'files', 'hasExtractedLicensingInfos', 'relationships', 'annotations', 'externalDocumentRefs'] as const

/** One SPDX document that holds what the images' own documents say, with the paths that the files have in this root. */
export function sbomPart(images: readonly PlacedImage[], options: SbomOptions): Part {
  return newPart({
    location: 'sbom',
    source: options.path,
    inputs: { sbom: images.map(identityOf), ...options },
    async *entries() {
      const document = await mergedDocument(images, options.created)
      yield entry({ path: options.path, type: 'file', content: textContent(`${JSON.stringify(document)}\n`) })
    },
  })
}

/** What the document says of an image hangs on the image's attestations too, which may change when the image does not. */
function identityOf({ image, prefix }: PlacedImage): readonly unknown[] {
  return [image.descriptor.digest, image.attestations().map(({ digest }) => digest), prefix]
}

async function mergedDocument(images: readonly PlacedImage[], created: string): Promise<Json> {
  const lists = new Map<string, unknown[]>()
  for (const { image, prefix } of images) {
    for (const found of await image.sboms()) {
      const document = isObject(found) ? found : {}
      if (!SUPPORTED_VERSIONS.has(document['spdxVersion'])) {
        throw new LinuxkitError(
          'build/sbom-version',
          `the SBOM of ${image.reference.text} is of version "${String(document['spdxVersion'])}"`,
          {
            hint: 'SPDX 2.1, 2.2 and 2.3 can be merged; build with --no-sbom to go without',
          },
        )
      }
      const placed = prefix === '' ? document : placedDocument(document, prefix)
      for (const name of LISTS) {
        const list = placed[name]
        if (!Array.isArray(list)) continue
        const merged = lists.get(name) ?? []
        for (const one of list as unknown[]) merged.push(one)
        lists.set(name, merged)
      }
    }
  }
  const content = Object.fromEntries(lists)
  return {
    spdxVersion: 'SPDX-2.3',
    dataLicense: 'CC0-1.0',
    SPDXID: 'SPDXRef-DOCUMENT',
    name: 'sbom',
    // The namespace has to be unique to the document (SPDX 2.3, 6.5); what is derived from the content is that, and the same in every build.
    documentNamespace: `https://github.com/linuxkit/linuxkit/sbom-${uuidOf(JSON.stringify(content))}`,
    creationInfo: { licenseListVersion: '3.20', creators: ['Organization: LinuxKit', 'Tool: linuxkit'], created },
    ...content,
  }
}

/** A UUID made of a digest (RFC 9562, section 5.8: version 8). */
function uuidOf(text: string): string {
  const hex = digestOf(text).slice('sha256:'.length)
  const variant = ((Number.parseInt(hex.charAt(16), 16) & 0x3) | 0x8).toString(16)
  return [hex.slice(0, 8), hex.slice(8, 12), `8${hex.slice(13, 16)}`, variant + hex.slice(17, 20), hex.slice(20, 32)].join('-')
}

function placedDocument(document: Json, prefix: string): Json {
  const place = (list: unknown, member: string): unknown =>
    Array.isArray(list)
      ? list.filter(isObject).map((one) => ({ ...one, [member]: posix.join(prefix, typeof one[member] === 'string' ? one[member] : '') }))
      : list
  return { ...document, files: place(document['files'], 'fileName'), packages: place(document['packages'], 'packageFileName') }
}
