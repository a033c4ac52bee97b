import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Draft } from '../../src/core/document.ts'
import { formats } from '../../src/parsers/registry.ts'
import { contextOf, fixtureFiles, newDraft, parseLine } from './support.ts'

const LINES = fixtureFiles().flatMap((file) => file.lines)

/** Words that steer a parser: where a cut or a repetition of them may lead it astray. */
const TOKENS = [
  ' from ',
  ' port ',
  ' ssh2',
  ': ',
  ' for ',
  'invalid user ',
  ' by ',
  ' on ',
  ' ; ',
  'USER=',
  'COMMAND=',
  'PWD=',
  ' : ',
  '(uid=',
  ')',
  'pam_unix(',
  '[',
  ']',
  '{',
  '}',
  '"',
  '\\',
  ':',
  ',',
  '<34>',
  '1 ',
  '-',
  'Nov 24 08:00:00 ',
  '2026-11-24T08:00:00Z ',
  'sshd[1]: ',
  'Accepted ',
  'Failed password',
  'Connection closed by ',
  'message repeated 2 times: [ ',
  ' more authentication failures; ',
  ' rhost=',
  ' user=',
  '192.0.2.1',
  '2001:db8::1',
  '::ffff:192.0.2.1',
  '999999999999',
  '"auditID":"a"',
  '"kind":"Event",',
  'requestObject',
  '__proto__',
  '\u0000',
  '\u001b[31m',
  '\u202e',
  '\ufeff',
  '\ud800',
  '#012',
  '\r',
  '\t',
  '  ',
  'é',
  '😀',
]

const token = fc.constantFrom(...TOKENS)
const words = fc
  .array(fc.oneof({ weight: 3, arbitrary: token }, fc.string({ maxLength: 8 })), { maxLength: 30 })
  .map((parts) => parts.join(''))

/** A real line that was cut, stretched, mixed with another, or had words put into it. */
const damaged = fc
  .tuple(
    fc.constantFrom(...LINES),
    fc.constantFrom(...LINES),
    fc.double({ min: 0, max: 1, noNaN: true }),
    fc.double({ min: 0, max: 1, noNaN: true }),
    token,
  )
  .map(
    ([line, other, cut, paste, word]) =>
      line.slice(0, Math.floor(cut * line.length)) + word + other.slice(Math.floor(paste * other.length)),
  )

const text = fc.oneof(
  damaged,
  words,
  fc.string({ unit: 'binary', maxLength: 200 }),
  fc.constantFrom(...LINES),
)
const context = fc
  .record({
    year: fc.integer({ min: 1971, max: 2200 }),
    utcOffsetMinutes: fc.integer({ min: -840, max: 840 }),
  })
  .map(({ year, utcOffsetMinutes }) => contextOf({ batchTime: `${year}-01-01T00:00:00Z`, utcOffsetMinutes }))

function plain(draft: Draft): string {
  return JSON.stringify({ ...draft, timeNs: String(draft.timeNs) })
}

describe.each([...formats.values()])('$name', (format) => {
  it('never throws, leaves alone what it does not take, and gives the same twice', () => {
    fc.assert(
      fc.property(text, context, (input, given) => {
        const draft = newDraft(input)
        const again = newDraft(input)
        const before = plain(draft)
        const taken = format.parse(input, draft, given)
        expect(format.parse(input, again, given)).toBe(taken)
        expect(plain(again)).toBe(plain(draft))
        if (!taken) expect(plain(draft)).toBe(before)
      }),
      { numRuns: 3000 },
    )
  })

  it('never throws behind a header, and the record can be rebuilt', () => {
    fc.assert(
      fc.property(text, (input) => {
        const line = `Nov 24 08:00:00 worker-3 ${writerOf(format.name)}[1]: ${input}`
        const draft = parseLine(format, line)
        if (draft === undefined || format.name === 'kube-audit' || draft.quality.includes('secret-removed'))
          return
        const header = (draft.fields.decklog as { header?: string } | undefined)?.header ?? ''
        expect(draft.original ?? `${header}${draft.message}`).toBe(line)
        expect(draft.timeNs === undefined || draft.timeNs > 0n).toBe(true)
      }),
      { numRuns: 2000 },
    )
  })

  it('takes a line of 100 kB of anything without looking at it twice', () => {
    const lines = TOKENS.map((part) => part.repeat(Math.ceil(100_000 / part.length)))
    for (const line of lines) {
      for (const start of STARTS) {
        const input = start + line
        expect(typeof format.parse(input, newDraft(input), contextOf())).toBe('boolean')
      }
    }
  })
})

/** The starts of messages whose rest is searched. */
const STARTS = [
  '',
  'Failed password for invalid user ',
  'Failed publickey for invalid user ',
  'Accepted publickey for ',
  'Invalid user ',
  'Disconnecting invalid user ',
  'Connection closed by invalid user ',
  'error: PAM: Authentication failure for ',
  'Starting session: command for ',
  'User ',
  'Accepted certificate ID "',
  'alice : ',
  'alice : PWD=',
  '(to ',
  'FAILED SU (to ',
  "'su ",
  'pam_unix(sshd:auth): ',
  'pam_unix(sshd:auth): authentication failure; logname=',
  'pam_unix(sshd:session): session opened for user ',
  'New session ',
  '<34>1 2026-11-24T08:00:00Z h a 1 - [x ',
  'Nov 24 08:00:00 ',
  'message repeated 2 times: [ ',
  '{"kind":"Event","apiVersion":"audit.k8s.io/v1","auditID":"a","stage":"x","verb":"',
]

function writerOf(name: string): string {
  return name === 'logind' ? 'systemd-logind' : name === 'pam' ? 'sshd' : name
}
