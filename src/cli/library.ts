import { readFileSync } from 'node:fs'
import { createRequire, wrap } from 'node:module'
import { dirname, join } from 'node:path'
import { Script } from 'node:vm'
import { tuneEngine } from './engine.js'
import type { main } from './main.js'

interface Library {
  readonly main: typeof main
}

/**
 * Loads `library.cjs`, which lies beside this program. As far as scripts/bundle.mjs has had it compiled by the same version of Node, in `library.cache`,
 * it need not be compiled anew, which takes as long as half of the start of Node itself; V8 refuses code of any other version.
 */
export function loadLibrary(directory: string): Library {
  const path = join(directory, 'library.cjs')
  const library = runLibrary(compileLibrary(path, cachedCode(join(directory, 'library.cache'))), path)
  // Not before, because V8 refuses code that was compiled with other flags.
  tuneEngine()
  return library
}

export function compileLibrary(path: string, cachedData: Buffer | undefined): Script {
  // It is ASCII, which Latin-1 is a fast way to read.
  return new Script(wrap(readFileSync(path, 'latin1')), { filename: path, ...(cachedData && { cachedData }) })
}

/** What Node does with a CommonJS module (modules.html, "The module wrapper"). */
export function runLibrary(script: Script, path: string): Library {
  const module: { readonly exports: unknown } = { exports: {} }
  const run = script.runInThisContext() as (...args: readonly unknown[]) => void
  run(module.exports, createRequire(path), module, path, dirname(path))
  return module.exports as Library
}

function cachedCode(path: string): Buffer | undefined {
  try {
    return readFileSync(path)
  } catch {
    return undefined
  }
}
