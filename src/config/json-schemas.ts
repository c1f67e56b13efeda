import build from '../pkg/build.schema.json' with { type: 'json' }
import linuxkit from './linuxkit.schema.json' with { type: 'json' }

/** The JSON Schemas of a yml and of a package's build.yml; a test makes them of the schemas that the program checks by. */
export const jsonSchemas = { build, linuxkit }
