import { assert, property, string } from 'fast-check'
import { describe, expect, test } from 'vitest'
import { LinuxkitError } from '../base/errors.js'
import { renderTagTemplate } from './tag-template.js'

const HASH = '0123456789abcdef0123456789abcdef01234567'

describe('renderTagTemplate', () => {
  test.each([
    ['fixed', 'fixed'],
    ['{{.Hash}}', HASH],
    ['v1-{{ .Hash }}-{{.Hash}}', `v1-${HASH}-${HASH}`],
    ['{{slice .Hash 0 8}}', '01234567'],
    ['{{slice .Hash 36}}', '4567'],
    ['{{printf "%.4s" .Hash}}', '0123'],
    ['{{printf "%s-%s" "a" .Hash}}', `a-${HASH}`],
    ['{{printf "%5s|%-3d|%%" "ab" 7}}', '   ab|7  |%'],
    ['{{.Hash | printf "%.6s-x"}}', '012345-x'],
    ['{{slice .Hash 0 7 | printf "%q"}}', '"0123456"'],
    ['{{len .Hash}}', '40'],
    ['{{print "a" 1 `}}`}}', 'a1}}'],
    ['a {{- /* why */ -}} b', 'ab'],
    ['a  {{- "-" -}}  b', 'a-b'],
    ['{{.Nope}}', '<no value>'],
    ['a}}b', 'a}}b'],
  ])('%s is %s', (template, expected) => {
    expect(renderTagTemplate(template, HASH)).toBe(expected)
  })

  test.each([
    '{{.Hash',
    '{{.Hash}',
    '{{}}',
    '{{| .Hash}}',
    '{{slice .Hash 5 4}}',
    '{{slice .Hash 0 41}}',
    '{{nope .Hash}}',
    '{{"a" .Hash}}',
    '{{printf "%s"}}',
  ])('refuses %s', (template) => {
    expect(() => renderTagTemplate(template, HASH)).toThrow(expect.objectContaining({ code: 'pkg/tag-template' }) as Error)
  })

  test('never fails in another way', () => {
    const survives = (text: string): boolean => {
      try {
        return typeof renderTagTemplate(text, HASH) === 'string'
      } catch (error) {
        return error instanceof LinuxkitError
      }
    }
    assert(property(string({ unit: 'grapheme-ascii' }), (text) => survives(`{{${text}`) && survives(`${text}{{${text}}}`)))
  })
})
