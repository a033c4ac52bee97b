import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parse as parseYaml } from 'yaml'
import { ECS_FIELDS } from '../../src/parsers/support/ecs-fields.ts'
import { readMoment } from '../../src/parsers/support/moment.ts'
import { at, contextOf, parseAs, parseLine, formatOf } from './support.ts'

const app = (value: unknown) => parseAs('json-app', JSON.stringify(value))

describe('fields of ECS', () => {
  const file = join(import.meta.dirname, '../../schemas/elasticsearch/fields-ecs.yaml')
  const kinds = parseYaml(readFileSync(file, 'utf8')) as Record<string, string[]>
  const KIND_OF: Readonly<Record<string, string>> = {
    keyword: 'text',
    pattern: 'text',
    words: 'text',
    ip: 'ip',
    long: 'integer',
    double: 'number',
    boolean: 'boolean',
    date: 'date',
  }

  it('have the types that the mapping has', () => {
    const mapped = new Map(
      Object.entries(kinds).flatMap(([kind, names]) => names.map((name) => [name, KIND_OF[kind]] as const)),
    )
    const wrong = [...ECS_FIELDS].filter(([name, kind]) => mapped.get(name) !== kind)
    expect(wrong).toEqual([])
    expect(ECS_FIELDS.size).toBeGreaterThan(200)
  })
})

describe('json-app', () => {
  it('takes an ECS document’s fields, nested and dotted', () => {
    const draft = app({
      'ecs.version': '1.2.0',
      'log.level': 'WARN',
      http: { response: { status_code: '404' } },
      message: 'm',
    })
    expect(at(draft, 'log.level')).toBe('warn')
    expect(at(draft, 'http.response.status_code')).toBe(404)
    expect(draft?.message).toBe('m')
  })

  it('lets no document say where it comes from, or what decklog thinks of it', () => {
    const claims = {
      host: { name: 'x' },
      tags: ['t'],
      data_stream: { dataset: 'system.auth' },
      event: { kind: 'alert', dataset: 'd' },
    }
    const draft = app({ ecs: { version: '8.0.0' }, ...claims })
    expect(Object.keys(draft!.fields)).toEqual(['decklog'])
  })

  it('keeps a value that its field cannot hold where it is searched as text', () => {
    const draft = app({ 'ecs.version': '8.0.0', source: { ip: 'none', port: 443 }, user: 'alice' })
    expect(at(draft, 'source')).toEqual({ port: 443 })
    expect(at(draft, 'decklog.payload')).toEqual({ 'source.ip': 'none', user: 'alice' })
  })

  it('lets the first of two names win and keeps the other', () => {
    const draft = app({ message: 'first', msg: 'second', level: 200, level_name: 'INFO' })
    expect(draft?.message).toBe('first')
    expect(at(draft, 'log.level')).toBe('info')
    expect(at(draft, 'decklog.payload')).toEqual({ msg: 'second', level: 200 })
  })

  it('leaves the time to the header, where there is one', () => {
    const line = 'Nov 24 08:00:00 worker-3 shop[1]: {"time":"2020-01-01T00:00:00Z","msg":"m"}'
    const draft = parseLine(formatOf('json-app'), line)
    expect(draft?.timeNs).toBe(BigInt(Date.UTC(2026, 10, 24, 8)) * 1_000_000n)
    expect(at(draft, 'decklog.payload.time')).toBe('2020-01-01T00:00:00Z')
    expect(draft?.original).toBe(line)
  })

  it('keeps names that an index refuses in the original only', () => {
    for (const [name, quality] of [
      ['a\0b', 'json-key-nul'],
      ['n'.repeat(2000), 'json-key-too-long'],
    ] as const) {
      const draft = app({ msg: 'm', deep: [{ [name]: 1 }] })
      expect(draft?.quality).toEqual([quality])
      expect(at(draft, 'decklog.payload')).toBeUndefined()
      expect(draft?.message).toBe('m')
    }
    const draft = app({ 'ecs.version': '8.0.0', labels: { ['a\0']: 'x' } })
    expect(at(draft, 'labels')).toEqual({})
  })

  it('takes no text, no array and nothing deeper than documents may be', () => {
    expect(parseAs('json-app', 'text')).toBeUndefined()
    expect(parseAs('json-app', '[{}]')).toBeUndefined()
    expect(parseAs('json-app', `${'{"a":'.repeat(100)}1${'}'.repeat(100)}`)).toBeUndefined()
  })
})

describe('moments', () => {
  it.each([
    [1795507200, '1795507200000000000'],
    [1795507200.123456, '1795507200123456000'],
    ['1795507200.123456789', '1795507200123456789'],
    [1795507200123, '1795507200123000000'],
    ['1795507200123', '1795507200123000000'],
    [1795507200123456, '1795507200123456000'],
    ['2026-11-24T08:00:00.5Z', '1795507200500000000'],
    ['2026-11-24 08:00:00,500', '1795507200500000000'],
    ['2026-11-24 08:00:00 UTC', '1795507200000000000'],
  ])('%s', (value, expected) => {
    expect(String(readMoment(value, contextOf()))).toBe(expected)
  })

  it.each([
    12,
    -1,
    Number.NaN,
    'yesterday',
    '2026-11-24T08:00:00 CET',
    '2026-02-30T00:00:00Z',
    '',
    null,
    true,
    {},
  ])('is none: %s', (value) => {
    expect(readMoment(value, contextOf())).toBeUndefined()
  })
})

describe('pairs', () => {
  it('are logfmt only where the line begins with one', () => {
    expect(parseAs('logfmt', 'error opening path=/x')).toBeUndefined()
    expect(at(parseAs('logfmt', 'path=/x error opening'), 'decklog.payload')).toEqual({
      path: '/x',
      error: true,
      opening: true,
    })
  })

  it('end at a comma only where another pair follows', () => {
    expect(at(parseAs('key-value', 'list=1,2,3,ok=yes'), 'decklog.payload')).toEqual({
      list: '1,2,3',
      ok: 'yes',
    })
  })
})

describe('cef', () => {
  it('gives labelled fields their name', () => {
    const draft = parseAs('cef', 'CEF:0|v|p|1|2|n|3|cs1=shop cs1Label=Policy cn1=7 cn1Label=Rule __proto__=x')
    expect(at(draft, 'decklog.cef.custom')).toEqual({ Policy: 'shop', Rule: 7 })
  })

  it('keeps an equals sign that nobody escaped in its value', () => {
    const draft = parseAs('cef', 'CEF:0|v|p|1|2|n|3|request=/a?b=c requestMethod=GET')
    expect(at(draft, 'url.original')).toBe('/a?b=c')
    expect(at(draft, 'http.request.method')).toBe('GET')
  })

  it('takes the time of a header in the same record, unless it says its own', () => {
    const eight = BigInt(Date.UTC(2026, 10, 24, 8)) * 1_000_000n
    const event = 'CEF:0|v|p|1|2|n|3|'
    expect(parseAs('cef', `<134>Nov 24 08:00:00 fw-1 ${event}src=192.0.2.1`)?.timeNs).toBe(eight)
    expect(parseAs('cef', `<134>1 2026-11-24T08:00:00Z fw-1 ${event}src=192.0.2.1`)?.timeNs).toBe(eight)
    expect(parseAs('cef', `Nov 24 07:00:00 fw-1 ${event}rt=1795507200000`)?.timeNs).toBe(eight)
    expect(parseAs('leef', 'Nov 24 08:00:00 fw-1 LEEF:1.0|v|p|1|2|src=192.0.2.1')?.timeNs).toBe(eight)
  })
})
