import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { loadRedactSets, rulesOfSets } from '../../../src/config/redact.ts'
import { makeRedactor } from '../../../src/stages/redact/redactor.ts'

const sets = loadRedactSets(join(import.meta.dirname, '../../../pipelines'))
const rules = sets.get('secrets')!
const key = Buffer.from('test')
const all = makeRedactor({ rules: rulesOfSets(sets, ['secrets'], 'test'), key })

/** Is the line that holds the text let through by the filter? */
function isSeen(text: string): boolean {
  const line = Buffer.from(text.replaceAll('\n', ' '))
  return all.prepare(line).may(0, line.length)
}

describe('the rules of secrets.yaml', () => {
  it('are 40 at least', () => expect(rules.length).toBeGreaterThanOrEqual(40))

  for (const [at, rule] of rules.entries()) {
    const { match = [], none = [] } = rule.samples ?? {}
    if (rule.builtIn === 'audit-hex') continue
    describe(`${at} ${rule.id}`, () => {
      it('has samples of both kinds', () => {
        expect(match.length).toBeGreaterThan(0)
        expect(none.length).toBeGreaterThan(0)
      })
      for (const sample of match) {
        it(`takes it out of ${JSON.stringify(sample)}`, () => {
          const text = sample.replace(/[«»]/g, '')
          const used = new Set<string>()
          const redacted = all.apply(text, used)
          const secrets = [...sample.matchAll(/«([^»]*)»/g)].map(([, secret]) => secret!)
          for (const secret of secrets) expect(redacted).not.toContain(secret)
          const rest = sample.replace(/«[^»]*»/g, '◦')
          expect(redacted.replace(/\[redacted:[a-z0-9-]+:[0-9a-f]{12}\]/g, '◦')).toBe(rest)
          expect([...used]).toContain(rule.id)
          expect(isSeen(text)).toBe(true)
        })
      }
      for (const sample of none) {
        it(`leaves ${JSON.stringify(sample)} alone`, () => expect(all.apply(sample)).toBe(sample))
      }
    })
  }
})
