import { LinuxkitError } from '../base/errors.js'

/** A value of a JSON document that somebody else wrote, with its place in it. Reading it as a type that it is not throws `image/bad-json`. */
export class JsonNode {
  readonly #value: unknown
  readonly #document: string
  readonly #path: string

  private constructor(value: unknown, document: string, path: string) {
    this.#value = value
    this.#document = document
    this.#path = path
  }

  /** @param document what the text is, for messages: a digest or a file name */
  static parse(text: string, document: string): JsonNode {
    try {
      return new JsonNode(JSON.parse(text), document, '')
    } catch (cause) {
      throw new LinuxkitError('image/bad-json', `${document} is not JSON: ${(cause as Error).message}`, { cause })
    }
  }

  /** Absent members and `null` are the same: Go programs write empty lists and maps as `null`. */
  get present(): boolean {
    return this.#value !== undefined && this.#value !== null
  }

  get raw(): unknown {
    return this.#value
  }

  get(key: string): JsonNode {
    const value = Object.hasOwn(this.#object(), key) ? this.#object()[key] : undefined
    return new JsonNode(value, this.#document, this.#path === '' ? key : `${this.#path}.${key}`)
  }

  string(): string {
    return typeof this.#value === 'string' ? this.#value : this.fail('a string')
  }

  /** A whole number that is not negative. */
  count(): number {
    return typeof this.#value === 'number' && Number.isSafeInteger(this.#value) && this.#value >= 0 ? this.#value : this.fail('a size')
  }

  boolean(): boolean {
    return typeof this.#value === 'boolean' ? this.#value : this.fail('true or false')
  }

  list<T>(read: (node: JsonNode) => T): readonly T[] {
    if (!Array.isArray(this.#value)) return this.fail('a list')
    return this.#value.map((item: unknown, index) => read(new JsonNode(item, this.#document, `${this.#path}[${index}]`)))
  }

  strings(): readonly string[] {
    return this.list((node) => node.string())
  }

  record<T>(read: (node: JsonNode) => T): Readonly<Record<string, T>> {
    return Object.fromEntries(Object.keys(this.#object()).map((key) => [key, read(this.get(key))]))
  }

  optional<T>(read: (node: JsonNode) => T): T | undefined {
    return this.present ? read(this) : undefined
  }

  fail(expected: string): never {
    const place = this.#path === '' ? '' : `"${this.#path}" of `
    throw new LinuxkitError('image/bad-json', `${place}${this.#document} is ${this.present ? 'not' : 'missing: expected'} ${expected}`)
  }

  #object(): Readonly<Record<string, unknown>> {
    if (typeof this.#value !== 'object' || this.#value === null || Array.isArray(this.#value)) return this.fail('an object')
    return this.#value as Record<string, unknown>
  }
}
