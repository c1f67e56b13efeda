/** How scalars are laid out: where lines are folded, and whether a block may hold tabs. */
export interface ScalarStyle {
  /** A line is folded at the first space beyond this column; Infinity for never. */
  readonly width: number
  readonly tabsInBlocks: boolean
}

/** Words that readers of YAML 1.1 or 1.2 take for booleans, nulls, special floats. */
const WORDS = new Set(
  'true True TRUE false False FALSE null Null NULL ~ y Y yes Yes YES on On ON n N no No NO off Off OFF .nan .NaN .NAN .inf .Inf .INF +.inf +.Inf +.INF -.inf -.Inf -.INF'.split(
    ' ',
  ),
)
const INTEGER = /^[-+]?(?:0[xX][\da-fA-F]{1,16}|0[bB][01]{1,64}|0[oO][0-7]{1,22})$/
const FLOAT = /^[-+]?(?:\.\d+|\d+(?:\.\d*)?)(?:[eE][-+]?\d+)?$/
const BASE_60 = /^[-+]?\d[\d_]*(?::[0-5]?\d)+(?:\.[\d_]*)?$/
const DATE = /^\d{4}-(?:0?[1-9]|1[0-2])-(?:0?[1-9]|[12]\d|3[01])/
const TIMESTAMP = new RegExp(
  `${DATE.source}(?:[Tt]\\d\\d?:\\d\\d?:\\d\\d?(?:\\.\\d+)?(?:Z|[-+]\\d\\d:\\d\\d)| \\d\\d?:\\d\\d?:\\d\\d?(?:\\.\\d+)?)?$`,
)

/** Characters that begin something else than a plain scalar (YAML 1.2, "Indicator Characters"). */
const LEADING_INDICATOR = /^(?:[#,[\]{}&*!|>'"%@`]|[-?:](?:\s|$)|---|\.\.\.)/

/** Characters that go-yaml writes as they are: the basic plane without controls and surrogates. */
const UNPRINTABLE = /[^\n\u{20}-\u{7e}\u{a0}-\u{d7ff}\u{e000}-\u{fefe}\u{ff00}-\u{fffd}]/u

/**
 * Text as a YAML scalar, in the style that go-yaml chooses: plain where that is unambiguous, a `|` block for several lines, else quoted.
 * @param indent column of continuation lines
 * @param column column at which the scalar begins
 * @param parent column of the mapping or list that the scalar stands in; undefined for a key, which has to stay on one line
 */
export function yamlText(text: string, style: ScalarStyle, indent: number, column: number, parent: number | undefined): string {
  if (text.includes('\n')) {
    return parent !== undefined && fitsBlock(text, style) ? block(text, indent, parent) : doubleQuoted(text, style, indent, column)
  }
  if (isAmbiguous(text) || UNPRINTABLE.test(text) || /[\u{2028}\u{2029}]/u.test(text)) return doubleQuoted(text, style, indent, column)
  const plain = !/^ | $|: |:$| #/.test(text) && !LEADING_INDICATOR.test(text)
  return plain ? folded(text, style, indent, column) : `'${folded(text.replaceAll("'", "''"), style, indent, column + 1)}'`
}

/** True for text that would be read back as something else than text. */
function isAmbiguous(text: string): boolean {
  const digits = text.replaceAll('_', '')
  const number = /^[-+.\d]/.test(text) && (INTEGER.test(digits) || FLOAT.test(digits))
  return text === '' || WORDS.has(text) || number || BASE_60.test(text) || TIMESTAMP.test(text)
}

/** Blocks cannot show spaces at the end of a line, nor what has to be escaped. */
function fitsBlock(text: string, style: ScalarStyle): boolean {
  const printable = style.tabsInBlocks ? text.replaceAll('\t', '') : text
  return !/ (?:\n|$)/.test(text) && !UNPRINTABLE.test(printable) && !/[\u{2028}\u{2029}]/u.test(text)
}

/** YAML 1.2, "Literal Style": the header tells the indentation when the text hides it, and how many line ends close it. */
function block(text: string, indent: number, parent: number): string {
  const hint = /^[ \n]/.test(text) ? String(indent - parent) : ''
  const chomp = !text.endsWith('\n') ? '-' : text === '\n' || text.endsWith('\n\n') ? '+' : ''
  const lines = text.replace(/\n$/, '').split('\n')
  return `|${hint}${chomp}\n${lines.map((line) => (line === '' ? '' : ' '.repeat(indent) + line)).join('\n')}`
}

/** Text on one line, broken at single spaces where it gets too long; readers join the lines again. */
function folded(text: string, style: ScalarStyle, indent: number, start: number): string {
  let column = start
  return text.replaceAll(/[^ ]+| +/gu, (run, offset: number) => {
    const foldable = run === ' ' && column > style.width && offset > 0 && offset + 1 < text.length
    column = foldable ? indent : column + Array.from(run).length
    return foldable ? `\n${' '.repeat(indent)}` : run
  })
}

const ESCAPES: Readonly<Record<string, string>> = {
  '\0': '\\0',
  '\u{7}': '\\a',
  '\b': '\\b',
  '\t': '\\t',
  '\n': '\\n',
  '\v': '\\v',
  '\f': '\\f',
  '\r': '\\r',
  '\u{1b}': '\\e',
  '"': '\\"',
  '\\': '\\\\',
  '\u{85}': '\\N',
  '\u{2028}': '\\L',
  '\u{2029}': '\\P',
}

function doubleQuoted(text: string, style: ScalarStyle, indent: number, start: number): string {
  let column = start + 1
  let spaces = false
  let out = ''
  const characters = Array.from(text)
  for (const [index, character] of characters.entries()) {
    if (character === ' ' && !spaces && column > style.width && index > 0 && index < characters.length - 1) {
      out += `\n${' '.repeat(indent)}${characters[index + 1] === ' ' ? '\\' : ''}`
      column = indent
    } else {
      const written = escape(character)
      out += written
      column += written.length === 2 && character.length === 2 ? 1 : written.length
    }
    spaces = character === ' '
  }
  return `"${out}"`
}

function escape(character: string): string {
  const short = ESCAPES[character]
  if (short !== undefined) return short
  if (!UNPRINTABLE.test(character)) return character
  const code = (character.codePointAt(0) ?? 0).toString(16).toUpperCase()
  return code.length <= 2 ? `\\x${code.padStart(2, '0')}` : code.length <= 4 ? `\\u${code.padStart(4, '0')}` : `\\U${code.padStart(8, '0')}`
}
