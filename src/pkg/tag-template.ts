import { LinuxkitError } from '../base/errors.js'

type Value = string | number

/**
 * Renders the template of a tag: what of Go's text/template (https://pkg.go.dev/text/template) makes sense in one, that is `{{.Hash}}`, literals, pipelines,
 * the functions `slice`, `printf`, `print` and `len`, comments, and the dashes that trim white space. As in Go, other fields are `<no value>`.
 * @throws {LinuxkitError} `pkg/tag-template`
 */
export function renderTagTemplate(template: string, hash: string): string {
  const bad = (reason: string): LinuxkitError =>
    new LinuxkitError('pkg/tag-template', `the tag template "${template}" cannot be rendered: ${reason}`, {
      hint: 'a template may contain {{.Hash}}, {{slice .Hash 0 8}} and {{printf "%.8s" .Hash}}',
    })
  const trimmed = template
    .replaceAll(/\s+\{\{-(?=\s)/g, '{{')
    .replaceAll(/\{\{-(?=\s)/g, '{{')
    .replaceAll(/\s-\}\}\s*/g, '}}')
  let rendered = ''
  let rest = trimmed
  for (let open = rest.indexOf('{{'); open !== -1; open = rest.indexOf('{{')) {
    const action = /^\{\{((?:"(?:[^"\\]|\\.)*"|`[^`]*`|[^"`}]|\}(?!\}))*)\}\}/.exec(rest.slice(open))
    if (action === null) throw bad('an action is not closed')
    rendered += rest.slice(0, open) + String(evaluate(action[1] ?? '', hash, bad))
    rest = rest.slice(open + action[0].length)
  }
  return rendered + rest
}

type Bad = (reason: string) => LinuxkitError

const TOKEN = /\s*("(?:[^"\\]|\\.)*"|`[^`]*`|\||[^\s|"`]+)/y

function evaluate(action: string, hash: string, bad: Bad): Value {
  if (/^\s*\/\*.*\*\/\s*$/s.test(action)) return ''
  const commands: string[][] = [[]]
  TOKEN.lastIndex = 0
  for (let match = TOKEN.exec(action); match !== null; match = TOKEN.exec(action)) {
    const token = match[1] ?? ''
    if (token === '|') commands.push([])
    else commands.at(-1)?.push(token)
  }
  let piped: readonly Value[] = []
  for (const [first, ...others] of commands) {
    if (first === undefined) throw bad('a value is missing')
    const operands = [...others.map((token) => operand(token, hash, bad)), ...piped]
    piped = [/^[a-z]/.test(first) ? call(first, operands, bad) : valueAlone(first, operands, hash, bad)]
  }
  return piped[0] ?? ''
}

function valueAlone(token: string, operands: readonly Value[], hash: string, bad: Bad): Value {
  if (operands.length > 0) throw bad(`${token} takes no arguments`)
  return operand(token, hash, bad)
}

function operand(token: string, hash: string, bad: Bad): Value {
  if (token === '.Hash') return hash
  if (/^\.\w+$/.test(token)) return '<no value>'
  if (/^\d+$/.test(token)) return Number(token)
  if (token.startsWith('`')) return token.slice(1, -1)
  if (token.startsWith('"')) {
    try {
      return JSON.parse(token) as string
    } catch {
      throw bad(`${token} is not a text`)
    }
  }
  throw bad(`"${token}" is not known`)
}

function call(name: string, operands: readonly Value[], bad: Bad): Value {
  const [first = '', ...others] = operands
  switch (name) {
    case 'slice': {
      const text = String(first)
      const [start = 0, end = text.length, ...surplus] = others.map(Number)
      if (!(start <= end && end <= text.length) || surplus.length > 0) throw bad(`there is no slice from ${start} to ${end} of "${text}"`)
      return text.slice(start, end)
    }
    case 'printf':
      return format(String(first), others, bad)
    case 'print':
      return operands.join('')
    case 'len':
      return String(first).length
    default:
      throw bad(`"${name}" is not a function that tags can use`)
  }
}

/** `%s`, `%v`, `%d` and `%q`, with a width and, for texts, a precision. */
function format(text: string, values: readonly Value[], bad: Bad): string {
  let used = 0
  const formatted = text.replaceAll(
    /%(?:%|(-?)(\d*)(?:\.(\d+))?(\w?))/g,
    (verb, left?: string, width?: string, precision?: string, kind?: string) => {
      if (verb === '%%') return '%'
      const value = values[used++]
      if (value === undefined || !['s', 'v', 'd', 'q'].includes(kind ?? '')) throw bad(`printf cannot fill in "${verb}"`)
      const cut = precision === undefined ? String(value) : String(value).slice(0, Number(precision))
      const shown = kind === 'q' ? JSON.stringify(cut) : cut
      return left === '-' ? shown.padEnd(Number(width)) : shown.padStart(Number(width))
    },
  )
  if (used < values.length) throw bad('printf has more values than places for them')
  return formatted
}
