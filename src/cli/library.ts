import { readFileSync } from 'node:fs'
import { createRequire, wrap } from 'node:module'
import { dirname, join } from 'node:path'
import { Script } from 'node:vm'
import { tuneEngine } from './engine.js'

/** The modules of the library by the names of their sources; each runs when it is first asked for. */
type Library = Readonly<Record<string, unknown>>

let loaded: Library | undefined

/**
 * Loads `library.cjs`, which lies beside this program. As far as scripts/bundle.mjs has had it compiled by the same version of Node, in `library.cache`,
 * it need not be compiled anew, which takes as long as half of the start of Node itself; V8 refuses code of any other version.
 */
export function loadLibrary(directory: string): Library {
  if (loaded !== undefined) return loaded
  const path = join(directory, 'library.cjs')
  const script = compileLibrary(path, cachedCode(join(directory, 'library.cache')))
  loaded = runLibrary(script, path)
  // Not before, because V8 refuses code that was compiled with other flags.
  tuneEngine()
  return loaded
}

export function compileLibrary(path: string, cachedData: Buffer | undefined): Script {
  return new Script(wrap(readFileSync(path, 'utf8')), { filename: path, ...(cachedData && { cachedData }) })
}

/** What Node does with a CommonJS module (modules.html, "The module wrapper"). */
export function runLibrary(script: Script, path: string): Library {
  const module: { readonly exports: Library } = { exports: {} }
  const run = script.runInThisContext() as (...args: readonly unknown[]) => void
  run(module.exports, createRequire(path), module, path, dirname(path))
  return module.exports
}

function cachedCode(path: string): Buffer | undefined {
  try {
    return readFileSync(path)
  } catch {
    return undefined
  }
}
