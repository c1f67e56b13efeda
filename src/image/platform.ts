import { LinuxkitError } from '../base/errors.js'
import type { WantedPlatform } from './cache.js'

/** Reads a platform such as `linux/arm64`; a variant behind it does not matter. @throws {LinuxkitError} `image/bad-platform` */
export function parsePlatform(text: string): WantedPlatform {
  const [os, architecture, ...rest] = text.split('/')
  if (os === 'linux' && architecture !== undefined && architecture !== '' && rest.length <= 1) return { os, architecture }
  throw new LinuxkitError('image/bad-platform', `"${text}" is not a platform of images`, { hint: 'write it like "linux/arm64"' })
}
