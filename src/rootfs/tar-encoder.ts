import { bytesContent, concatContents, type Content } from '../base/content.js'
import { TAR_END, writeTar } from '../archive/tar-writer.js'
import type { Encoder } from './encoder.js'

/** The tree as it is, with every PAX record: what `--format tar` writes. */
export const tarEncoder: Encoder<null, Content> = {
  id: 'tar',
  kept: false,
  tellsLine: true,
  encode: (part, { signal }) => ({ bytes: writeTar(part.entries(signal)), facts: () => null }),
  join: (fragments) => concatContents([...fragments.map((fragment) => fragment.content), bytesContent(TAR_END)]),
}
