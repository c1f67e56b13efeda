import { parseDocument } from '../base/document.js'
import { valid, validate } from '../base/document-validate.js'
import { goJson, type Json } from '../base/go-json.js'
import { containerConfig, type ContainerConfig } from './container-config.js'

/** The label of an image that says how its container runs when the yml does not. */
export const CONFIG_LABEL = 'org.mobyproject.config'

/** The text of the label, compact and in the order that LinuxKit writes. */
export function labelJson(config: ContainerConfig): string {
  return goJson(containerJson(config))
}

/** A container's fields as they are written in JSON: LinuxKit's programs leave out what is absent, `bindNS` excepted. */
export function containerJson(config: ContainerConfig): Readonly<Record<string, Json | undefined>> {
  const { runtime } = config
  if (runtime === undefined) return config
  const { namespace, bindNS = {}, ...rest } = runtime
  return { ...config, runtime: { ...rest, bindNS, namespace } }
}

/**
 * Reads the label of an image.
 * @param image its name, for messages
 * @returns no fields at all for an empty text
 * @throws {LinuxkitError} as `parseDocument` and `validate` do
 */
export function parseLabel(text: string, image: string): ContainerConfig {
  if (text === '') return {}
  const plain = plainJson(text)
  if (plain !== undefined) {
    const config = valid(plain, containerConfig)
    if (config !== undefined) return config
  }
  return validate(parseDocument(text, `label ${CONFIG_LABEL} of ${image}`), containerConfig)
}

/** The value of a compact JSON text as programs write it, without what only a slower reader can tell: where something stands, and which key is there twice. */
function plainJson(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text)
    return JSON.stringify(value) === text ? value : undefined
  } catch {
    return undefined
  }
}
