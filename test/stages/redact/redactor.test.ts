import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { loadRedactSets, rulesOfSets } from '../../../src/config/redact.ts'
import { formats } from '../../../src/parsers/registry.ts'
import { makeRedactor } from '../../../src/stages/redact/redactor.ts'
import { criLine, pipelineOf, TestStream } from '../stream-of.ts'

const sets = loadRedactSets(join(import.meta.dirname, '../../../pipelines'))
const rules = rulesOfSets(sets, ['secrets'], 'test')
const redactor = makeRedactor({ rules, key: Buffer.from('test') })
const MARK = /\[redacted:[a-z0-9-]+:([0-9a-f]{12})\]/
const hashIn = (text: string): string | undefined => MARK.exec(redactor.apply(text))?.[1]

describe('the redactor', () => {
  it('gives equal secrets equal hashes, however they are written', () => {
    const inner = JSON.stringify({ password: 'hunter2' })
    const texts = [
      'PGPASSWORD=hunter2',
      inner,
      JSON.stringify({ body: inner }),
      JSON.stringify({ body: JSON.stringify({ body: inner }) }),
      '{"\\u0070assword":"hunter2"}',
      '/login?pass%77ord=hunter2&x=1',
      '/q?b=password%3Dhunter2',
      'mysql -uroot -phunter2',
      'type=PROCTITLE proctitle=6D7973716C002D75726F6F74002D7068756E74657232',
    ]
    for (const text of texts) {
      expect(hashIn(text), text).toBe(hashIn('password=hunter2'))
      expect(redactor.prepare(Buffer.from(text)).may(0, text.length), text).toBe(true)
    }
  })

  it('gives other hashes for another key', () => {
    const other = makeRedactor({ rules, key: Buffer.from('other') })
    expect(other.apply('password=hunter2')).not.toBe(redactor.apply('password=hunter2'))
  })

  it('leaves JSON valid, whatever the value is', () => {
    const value = fc.oneof(
      fc.string(),
      fc.integer(),
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.boolean(),
      fc.constant(null),
    )
    const name = fc.constantFrom('password', 'token', 'secret', 'apiKey', 'note', 'Authorization', 'cookie')
    fc.assert(
      fc.property(fc.dictionary(name, value), fc.integer({ min: 0, max: 2 }), (object, depth) => {
        let text = JSON.stringify(object)
        for (let level = 0; level < depth; level++) text = JSON.stringify({ body: text })
        let read: unknown = JSON.parse(redactor.apply(text))
        for (let level = 0; level < depth; level++) read = JSON.parse((read as { body: string }).body)
        const { password } = read as { password?: unknown }
        if (typeof object.password === 'string' && /[a-z]{5}/.test(object.password))
          expect(String(password)).not.toContain(object.password)
      }),
      { numRuns: 500 },
    )
  })

  it('never says no to a line in which it finds something', () => {
    const piece = fc.constantFrom(
      'password',
      'token',
      '=',
      ':',
      '"',
      '\\"',
      '\\u0070',
      '%70',
      '%3d',
      'hunter2',
      ' ',
      '://',
      'a:b@',
      'eyJhbGciOi',
      '.',
      'AKIAIOSFODNN7EXAMPLE',
      'kind',
      'Secret',
      '"data":{',
      '}',
      'bearer ',
      '0123456789abcdef',
      '-----BEGIN PRIVATE KEY-----',
      '\u{1f600}',
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 24 }), (pieces) => {
        const text = pieces.join('')
        const line = Buffer.from(`x\n${text}\ny`)
        if (redactor.apply(text) !== text)
          expect(redactor.prepare(line).may(2, 2 + Buffer.byteLength(text))).toBe(true)
      }),
      { numRuns: 3000 },
    )
  })

  it('is not applied twice to what it has written', () => {
    const once = redactor.apply('password=hunter2 token: abcdef123456 Authorization: Bearer 0123456789abcdef')
    expect(redactor.apply(once)).toBe(once)
  })

  it('works on any bytes', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
        expect(typeof redactor.apply(`password=${text}`)).toBe('string')
      }),
    )
  })
})

describe('container lines', () => {
  const stream = (): TestStream => new TestStream(pipelineOf({ redactor }))

  it('lose their secrets and say so', () => {
    const [event] = stream().feed([criLine('login with password=hunter2 done')])
    expect(event!.bytes).not.toContain('hunter2')
    expect(event!.document.decklog.quality).toEqual(['redacted'])
    expect(event!.document.decklog.redacted).toEqual(['password'])
  })

  it('keep their own JSON', () => {
    const [event] = stream().feed([criLine('{"msg":"hi","pin":1,"password":4711}')])
    expect(event!.document.decklog.payload.password).toMatch(MARK)
    expect(event!.document.decklog.payload.pin).toBe(1)
  })
})

describe('records that parsers read', () => {
  it('lose their secrets and say by which rules', () => {
    const spec = { class: 'ssh', match: [{ when: {}, parse: ['syslog', ['sudo']], dataset: 'system.auth' }] }
    const parsers = [...formats.values()].filter(({ name }) => name === 'syslog' || name === 'sudo')
    const line =
      'Nov 24 08:00:02 n1 sudo:    alice : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/usr/bin/mysql -uroot -phunter2'
    const [event] = new TestStream(pipelineOf({ spec, formats: parsers, redactor })).feed([line])
    expect(event!.bytes).not.toContain('hunter2')
    expect(event!.document.decklog).toMatchObject({ quality: ['redacted'], redacted: ['mysql-password'] })
    expect(event!.document.decklog.sudo ?? {}).not.toHaveProperty('redacted')
  })
})
