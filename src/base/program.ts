/** A digest of the sources that this program was made from, put in by scripts/bundle.mjs. */
declare const LINUXKIT_SOURCES: string | undefined

/** Tells what one version of this program has kept from what another has. */
export const PROGRAM = typeof LINUXKIT_SOURCES === 'undefined' ? 'unbundled' : LINUXKIT_SOURCES
