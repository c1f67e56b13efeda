import { toJsonSchema } from '@valibot/to-json-schema'
import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import type { GenericSchema } from 'valibot'
import { ymlSchema } from '../src/config/schema.js'
import { buildYmlSchema } from '../src/pkg/build-yml.js'

/** What stands in a file is the schema's input: defaults and conversions come later, and integers of 64 bits are plain integers there. */
function jsonSchema(schema: GenericSchema, title: string): string {
  const generated = toJsonSchema(schema, {
    typeMode: 'input',
    errorMode: 'ignore',
    overrideSchema: ({ valibotSchema }) => (valibotSchema.type === 'bigint' ? { type: 'integer' } : undefined),
  })
  return `${JSON.stringify({ title, ...generated }, undefined, 2)}\n`
}

// "npx vitest run -u test/schema.test.ts" writes the files anew.
describe('the published JSON Schemas', () => {
  it.each([
    ['src/config/linuxkit.schema.json', ymlSchema, 'LinuxKit image'],
    ['src/pkg/build.schema.json', buildYmlSchema, 'LinuxKit package'],
  ] as const)('%s says what the program checks', async (path, schema, title) => {
    await expect(jsonSchema(schema, title)).toMatchFileSnapshot(`../${path}`)
  })

  it('describe every key of a yml', async () => {
    const { properties } = JSON.parse(await readFile('src/config/linuxkit.schema.json', 'utf8')) as {
      properties: Record<string, { description?: string; items?: { properties?: Record<string, { description?: string }> } }>
    }
    const undescribed = Object.entries(properties).flatMap(([section, { description, items }]) => [
      ...(description === undefined ? [section] : []),
      ...Object.entries(items?.properties ?? {}).flatMap(([key, one]) => (one.description === undefined ? [`${section}.${key}`] : [])),
    ])
    expect(undescribed).toEqual([])
  })
})
