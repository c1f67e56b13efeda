/** The version in package.json, put in by scripts/bundle.mjs. */
declare const LINUXKIT_VERSION: string
