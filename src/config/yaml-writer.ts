import type { Json } from '../base/go-json.js'
import { yamlText, type ScalarStyle } from './yaml-scalars.js'

export interface YamlStyle extends ScalarStyle {
  /** Columns by which what is in a mapping is indented. */
  readonly step: number
  /** False when the items of a list stand in the column of the list's key. */
  readonly indentLists: boolean
}

/** The layout of go-yaml v3 with its default indentation. */
export const STYLE_V3: YamlStyle = { step: 4, width: Infinity, indentLists: true, tabsInBlocks: true }

/** The layout of go-yaml v2. */
export const STYLE_V2: YamlStyle = { step: 2, width: 80, indentLists: false, tabsInBlocks: false }

type JsonObject = Readonly<Record<string, Json | undefined>>

/** A mapping as block-style YAML, ended by a newline; members that are undefined are left out. */
export function writeYaml(value: JsonObject, style: YamlStyle): string {
  return mapping(value, style, 0)
}

function mapping(value: JsonObject, style: YamlStyle, indent: number): string {
  return Object.entries(value)
    .map(([key, member]) => {
      if (member === undefined) return ''
      // Unquoted, this key would merge another object into this one.
      const name = key === '<<' ? '"<<"' : yamlText(key, { ...style, width: Infinity }, indent, indent, undefined)
      const head = `${' '.repeat(indent)}${name}:`
      const inner = nextIndent(indent, style)
      if (isList(member) && member.length > 0) return `${head}\n${list(member, style, style.indentLists ? inner : indent)}`
      if (isObject(member) && Object.keys(member).length > 0) return `${head}\n${mapping(member, style, inner)}`
      return `${head} ${scalar(member, style, inner, Array.from(head).length + 1, indent)}\n`
    })
    .join('')
}

function list(items: readonly Json[], style: YamlStyle, indent: number): string {
  // What stands in an item begins behind its "- ".
  const inner = indent + 2
  const head = `${' '.repeat(indent)}- `
  return items
    .map((item) => {
      if (isList(item) && item.length > 0) return head + list(item, style, inner).slice(inner)
      if (isObject(item) && Object.keys(item).length > 0) return head + mapping(item, style, inner).slice(inner)
      return `${head}${scalar(item, style, inner, inner, indent)}\n`
    })
    .join('')
}

/** Columns are multiples of the step, also below items of lists, which shift by two. */
function nextIndent(indent: number, { step }: YamlStyle): number {
  return step * Math.floor((indent + step) / step)
}

function scalar(value: Json, style: YamlStyle, indent: number, column: number, parent: number): string {
  if (typeof value === 'string') return yamlText(value, style, indent, column, parent)
  if (typeof value === 'object' && value !== null) return isList(value) ? '[]' : '{}'
  return String(value)
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value)
}

function isObject(value: Json): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
