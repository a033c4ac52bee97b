import fc from 'fast-check'
import { expect, test } from 'vitest'
import { readSealedLines, sealLine } from '../../src/roles/ship/sealed-line.ts'

const values = fc.array(fc.dictionary(fc.string(), fc.oneof(fc.string(), fc.integer(), fc.boolean())), {
  minLength: 1,
  maxLength: 8,
})

test('what is sealed is read back', () => {
  fc.assert(
    fc.property(values, (list) => {
      const plain = JSON.parse(JSON.stringify(list)) as unknown
      expect(readSealedLines(list.map(sealLine).join(''))).toEqual({ values: plain, end: 'whole' })
    }),
  )
})

test('cut anywhere, the whole lines are read and the rest is torn', () => {
  fc.assert(
    fc.property(values, fc.nat(), (list, at) => {
      const text = Buffer.from(list.map(sealLine).join(''))
      const cut = at % text.length
      const read = readSealedLines(text.subarray(0, cut).toString())
      const whole = list.filter(
        (_, index) =>
          Buffer.byteLength(
            list
              .slice(0, index + 1)
              .map(sealLine)
              .join(''),
          ) <= cut,
      ).length
      expect(read.values.length).toBe(whole)
      expect(read.end).not.toBe('corrupt')
    }),
  )
})

test('a changed byte is noticed: torn in the last line, corrupt before it', () => {
  const lines = [{ a: 1 }, { b: 2 }, { c: 3 }].map(sealLine)
  const text = lines.join('')
  for (let at = 0; at < text.length; at++) {
    const changed = `${text.slice(0, at)}${text[at] === '#' ? '%' : '#'}${text.slice(at + 1)}`
    const inLast = at >= lines[0]!.length + lines[1]!.length - 1
    expect(readSealedLines(changed).end).toBe(inLast ? 'torn' : 'corrupt')
  }
})
