/** States of a reader of terminal output (ECMA-48, 5.4 and 5.6; xterm's "ctlseqs" for the string sequences). */
type State = 'text' | 'escape' | 'sequence' | 'charset' | 'string' | 'string-escape'

const ESC = 0x1b

/**
 * Turns what a console sends into lines of plain text: decodes UTF-8, drops escape sequences and control characters. It may be fed
 * in pieces of any size. Both CR and LF end a line, because what follows a CR is written over the line.
 */
export class ConsoleText {
  readonly #decoder = new TextDecoder('utf-8')
  #state: State = 'text'

  /** The text in the bytes, with `\n` at the ends of lines. */
  decode(bytes: Uint8Array): string {
    let text = ''
    for (const character of this.#decoder.decode(bytes, { stream: true })) text += this.#next(character)
    return text
  }

  #next(character: string): string {
    const code = character.codePointAt(0) ?? 0
    // CAN and SUB break off a sequence, ESC starts another one.
    if (code === 0x18 || code === 0x1a) this.#state = 'text'
    else if (code === ESC) this.#state = this.#state === 'string' ? 'string-escape' : 'escape'
    else if (this.#state === 'text') return printable(character, code)
    else this.#state = after(this.#state, character, code)
    return ''
  }
}

function printable(character: string, code: number): string {
  if (character === '\n' || character === '\r') return '\n'
  return (code < 0x20 && character !== '\t') || code === 0x7f ? '' : character
}

function after(state: Exclude<State, 'text'>, character: string, code: number): State {
  switch (state) {
    case 'escape':
      if (character === '[') return 'sequence'
      if (']PX^_'.includes(character)) return 'string'
      return code >= 0x20 && code <= 0x2f ? 'charset' : 'text'
    case 'sequence': // ends with a final byte
      return code >= 0x40 && code <= 0x7e ? 'text' : 'sequence'
    case 'charset': // intermediate bytes, then a final byte
      return code >= 0x20 && code <= 0x2f ? 'charset' : 'text'
    case 'string': // ends with BEL or with ST, which is ESC \
      return code === 0x07 ? 'text' : 'string'
    case 'string-escape':
      return character === '\\' ? 'text' : after('escape', character, code)
  }
}
