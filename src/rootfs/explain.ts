import type { PartReport } from './assemble.js'
import type { RecordedPart } from './build-record.js'
import type { PartInputs } from './part.js'

/** Why a part was encoded, or that it was not. */
export interface Explanation extends PartReport {
  /** In words; empty for a part that was kept. */
  readonly reason: string
}

/** A few changes say enough. */
const MOST_CHANGES = 4

/** Says of every part of a build what has become of it and, if it was encoded anew, what has changed since the last build. */
export function explain(reports: readonly PartReport[], last: readonly RecordedPart[]): readonly Explanation[] {
  const left = [...last]
  return reports.map((report) => {
    const { part, encoder } = report
    // A container has two parts on one line, which differ in what they depend on.
    const at = left.findIndex((one) => one.location === part.location && namesOf(one.inputs) === namesOf(part.inputs))
    const [before] = at === -1 ? [] : left.splice(at, 1)
    return { ...report, reason: report.state === 'kept' ? '' : reasonFor(report, before, encoder, last.length > 0) }
  })
}

/** Names of what the part depends on; what has no value is not in a record either. */
function namesOf(inputs: PartInputs): string {
  return Object.keys(inputs)
    .filter((name) => inputs[name] !== undefined)
    .join()
}

function reasonFor({ part, state }: PartReport, before: RecordedPart | undefined, encoder: string, known: boolean): string {
  if (!known) return state === 'small' ? '' : 'the last build of this yml is not known'
  if (before === undefined) return 'was not there in the last build'
  const changes = changedInputs(before.inputs, part.inputs)
  if (changes.length > 0) {
    const more = changes.length > MOST_CHANGES ? [`and ${changes.length - MOST_CHANGES} more`] : []
    return [...changes.slice(0, MOST_CHANGES), ...more].join('; ')
  }
  if (state === 'small') return ''
  return before.encoder === encoder ? 'its fragment is no longer in the cache' : `encoded as "${encoder}", not as "${before.encoder}"`
}

/** The values that differ, each as `name: before -> now`; of texts that are JSON, what differs in them. */
function changedInputs(before: PartInputs, now: PartInputs): readonly string[] {
  return Object.keys(now).flatMap((name) => [...differences(name, parsed(before[name]), parsed(now[name]))])
}

function* differences(path: string, before: unknown, now: unknown): Iterable<string> {
  if (JSON.stringify(before) === JSON.stringify(now)) return
  if (isCollection(before) && isCollection(now) && Array.isArray(before) === Array.isArray(now)) {
    for (const key of new Set([...Object.keys(before), ...Object.keys(now)])) {
      yield* differences(Array.isArray(now) ? `${path}[${key}]` : `${path}.${key}`, before[key], now[key])
    }
    return
  }
  yield `${path}: ${shown(before)} -> ${shown(now)}`
}

type Collection = Readonly<Record<string, unknown>>

function isCollection(value: unknown): value is Collection {
  return typeof value === 'object' && value !== null
}

function parsed(value: unknown): unknown {
  if (typeof value !== 'string' || !value.startsWith('{')) return value
  try {
    return JSON.parse(value)
  } catch {
    return value
  }
}

const LONGEST = 40

function shown(value: unknown): string {
  if (value === undefined) return 'nothing'
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  // Of a digest a few digits tell it from any other.
  const short = /^(?:sha256:)?[0-9a-f]{64}$/.test(text) ? text.replace(/([0-9a-f]{12})[0-9a-f]{52}$/, '$1') : text
  return short.length > LONGEST ? `${short.slice(0, LONGEST)}…` : short
}
