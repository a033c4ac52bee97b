import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Draft, Json, JsonObject } from '../../src/core/document.ts'
import { formats } from '../../src/parsers/registry.ts'
import { contextOf, fixtureFiles, newDraft } from './support.ts'

/** Values where a format expects another kind: what a program of another version, or somebody with bad intentions, may write. */
const VALUES: readonly Json[] = [
  null,
  true,
  false,
  0,
  -1,
  1e308,
  2 ** 60,
  '',
  'x',
  '-',
  '10.0.0.1',
  '2026-11-24T08:00:00Z',
  '9'.repeat(40),
  '\ud800',
  [],
  [null],
  [[]],
  ['x', 1, {}],
  [{}],
  {},
  { name: 'x' },
  { __proto__: null, constructor: 'x', length: 3 },
]

const records = fixtureFiles()
  .map(({ format, lines }) => ({
    name: format.name,
    values: lines.flatMap((line) => {
      try {
        const value: unknown = JSON.parse(line)
        return typeof value === 'object' && value !== null ? [line] : []
      } catch {
        return []
      }
    }),
  }))
  .filter(({ values }) => values.length > 0)

/** Puts `value` where the walk that `steps` describes ends. */
function replaced(line: string, steps: readonly number[], value: Json): string {
  const root = JSON.parse(line) as JsonObject
  let at: JsonObject = root
  for (const step of steps) {
    const names = Object.keys(at)
    if (names.length === 0) break
    const name = names[step % names.length]!
    const next = at[name]
    const isEnd = typeof next !== 'object' || next === null || step % 5 === 0
    if (isEnd) {
      at[name] = value
      break
    }
    at = next as JsonObject
  }
  return JSON.stringify(root)
}

describe.each(records)('$name, as JSON', ({ name, values }) => {
  it('takes values of any kind anywhere: it never throws, and what it makes is bounded', () => {
    const format = formats.get(name)!
    fc.assert(
      fc.property(
        fc.constantFrom(...values),
        fc.array(fc.nat(200), { minLength: 1, maxLength: 8 }),
        fc.constantFrom(...VALUES),
        (line, steps, value) => {
          const text = replaced(line, steps, value)
          const draft = newDraft(text)
          const others: Draft[] = []
          const taken = format.parse(text, draft, contextOf(), others)
          if (!taken) expect(draft).toEqual(newDraft(text))
          const made = JSON.stringify([draft.fields, ...others.map(({ fields }) => fields)])
          expect(made.length).toBeLessThan(20_000 + 40 * text.length)
        },
      ),
      { numRuns: 1500 },
    )
  })
})
