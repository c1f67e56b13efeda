import type { Progress } from '../../base/progress.js'
import { RegistryClient } from './client.js'
import { parseRegistryCreds } from './credentials.js'
import { mirrorsOf } from './mirrors.js'

/** How a user wants registries to be reached. */
export interface RegistryAccess {
  /** `URL` or `registry=URL`; those of the environment are added. */
  readonly mirrors?: readonly string[] | undefined
  /** Files with certificates of authorities to trust as well. */
  readonly certificateFiles?: readonly string[] | undefined
  /** `REGISTRY=USER:PASSWORD` or `REGISTRY=TOKEN`. */
  readonly registryCreds?: readonly string[] | undefined
}

/**
 * A client for registries that reaches them as the user, and the environment of this process, want it.
 * @throws {LinuxkitError} `image/bad-mirror`, `image/registry-creds`
 */
export function connect(access: RegistryAccess, progress: Progress, signal: AbortSignal): RegistryClient {
  return new RegistryClient({
    mirrors: mirrorsOf(access.mirrors ?? [], process.env),
    credentials: parseRegistryCreds(access.registryCreds ?? []),
    certificateFiles: access.certificateFiles,
    environment: process.env,
    progress,
    signal,
  })
}
