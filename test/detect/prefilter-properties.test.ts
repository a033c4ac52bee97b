import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Json, JsonObject } from '../../src/core/document.ts'
import { compileDetection } from '../../src/detect/sigma/detection.ts'
import type { SigmaRule } from '../../src/detect/sigma/rule.ts'
import { makeTagger } from '../../src/detect/sigma/tagger.ts'
import { compileNode, EventView } from '../../src/detect/sigma/evaluate.ts'
import { nodeForSource, SOURCE_PROFILES } from '../../src/detect/sigma/log-sources.ts'
import { fold } from '../../src/detect/sigma/fold.ts'

/**
 * No false negative: whatever rules say of a document, the pre-filter has let its record through. Records are written as
 * sources may write them: plain, or as JSON with any character escaped in any way that JSON allows.
 */
const WORDS = [
  'kubectl',
  'exec',
  'KILL',
  'ike',
  'a/b/c',
  '/etc/passwd',
  'miner',
  'x"y',
  'back\\slash',
  'naïve',
  'пароль',
  '${jndi:',
  'tab\tbed',
  '404',
  '1e3',
  'true',
  'sh',
  'K8s',
  'İike',
  'privileged',
]
const word = fc.constantFrom(...WORDS)

/** Random case, and the characters outside ASCII that fold into it. */
const spoken = fc.tuple(word, fc.array(fc.nat(3), { maxLength: 12 })).map(([plain, changes]) =>
  Array.from(plain, String)
    .map((char, index) => change(char, changes[index] ?? 0))
    .join(''),
)

function change(char: string, how: number): string {
  if (how === 1) return char.toUpperCase()
  if (how === 2 && char === 'k') return '\u212a'
  if (how === 2 && char === 'i') return 'İ'
  return char
}

const phrase = fc
  .array(fc.oneof(spoken, fc.constantFrom(' ', '-', 'lorem ', 'ipsum', '=', '日本')), { maxLength: 6 })
  .map((parts) => parts.join(''))

/** A value of a rule, as Sigma writes it: its wildcards are wildcards. */
const ruleText = fc
  .oneof(
    word,
    fc.tuple(word, word).map(([left, right]) => `${left}*${right}`),
    fc.tuple(word, word).map(([left, right]) => `${left}?${right}`),
  )
  .map((text) => text.replaceAll('\\', '\\\\'))

const field = fc.constantFrom(
  'message',
  'decklog.payload.user',
  'decklog.payload.k.privileged',
  'event.action',
  'decklog.payload.code',
)
const shape = fc.constantFrom('', '|contains', '|startswith', '|endswith', '|contains|cased')
const item = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.tuple(
      fc.tuple(field, shape).map((parts) => parts.join('')),
      fc.oneof(ruleText, fc.array(ruleText, { minLength: 1, maxLength: 3 })),
    ),
  },
  fc.tuple(
    field.map((name) => `${name}|re`),
    fc.constantFrom('(?i)kube?ctl', 'exec|kill', 'm[iI]ner', '/etc/\\w+', '(?i)(ike|k8s)+', 'K.*8'),
  ),
  fc.tuple(field, fc.constantFrom<Json>(404, true, 1000)),
  fc.tuple(
    field.map((name) => `${name}|exists`),
    fc.constant(true),
  ),
)
const search: fc.Arbitrary<Json> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.array(item, { minLength: 1, maxLength: 2 }).map((items) => Object.fromEntries(items)),
  },
  fc.array(ruleText, { minLength: 1, maxLength: 3 }),
)
const rule = fc.tuple(
  search,
  search,
  fc.constantFrom('one', 'one and two', 'one or two', 'one and not two', '1 of them', 'not one'),
)

const payload = fc.record(
  {
    msg: phrase,
    user: fc.oneof<fc.Arbitrary<Json>[]>(phrase, fc.constantFrom(404, true, 1000)),
    k: fc.record({ privileged: fc.boolean() }),
    code: fc.constantFrom(404, 1000, '404', '1e3'),
  },
  { requiredKeys: ['msg'] },
)

interface Written {
  readonly raw: string
  readonly document: JsonObject
}

const line: fc.Arbitrary<Written> = fc.oneof(
  phrase.map(
    (text): Written => ({
      raw: text.replaceAll('\n', ' '),
      document: { message: text.replaceAll('\n', ' '), event: { action: 'exec' } },
    }),
  ),
  fc.tuple(payload, fc.array(fc.nat(6), { maxLength: 60 })).map(([content, escapes]): Written => {
    const document = {
      message: content.msg,
      decklog: { payload: content as JsonObject },
      event: { action: 'kubectl' },
    }
    return { raw: writeJson(content, escapes), document }
  }),
)

/** JSON with escapes where `escapes` says so; the parser reads the same value. */
function writeJson(value: Json, escapes: readonly number[]): string {
  let at = 0
  const text = (plain: string): string =>
    `"${Array.from(plain, String)
      .map((char) => escape(char, escapes[at++ % Math.max(1, escapes.length)] ?? 0))
      .join('')}"`
  const write = (one: Json): string => {
    if (typeof one === 'string') return text(one)
    if (one === 1000) return '1e3'
    if (typeof one !== 'object' || one === null) return JSON.stringify(one)
    if (Array.isArray(one)) return `[${one.map(write).join(',')}]`
    return `{${Object.entries(one)
      .map(([key, inner]) => `${text(key)}:${write(inner)}`)
      .join(',')}}`
  }
  return write(value)
}

function escape(char: string, how: number): string {
  if (char === '"' || char === '\\' || char < ' ') return JSON.stringify(char).slice(1, -1)
  if (char === '/' && how === 1) return '\\/'
  if (how !== 2 || char.length > 1) return char
  const hex = char.charCodeAt(0).toString(16).padStart(4, '0')
  return `\\u${char.charCodeAt(0) % 2 === 0 ? hex : hex.toUpperCase()}`
}

function rulesOf(parts: readonly (readonly [Json, Json, string])[]): SigmaRule[] {
  return parts.map(
    ([one, two, condition], index): SigmaRule => ({
      id: String(index),
      title: String(index),
      level: 'low',
      status: 'test',
      description: '',
      tags: [],
      references: [],
      falsePositives: [],
      logSource: { product: 'decklog', category: 'container', service: undefined },
      node: compileDetection({ one, two, condition }),
      set: 'test',
      file: 'test.yml',
      line: 1,
      samples: [],
    }),
  )
}

const profile = SOURCE_PROFILES.find(({ dataset }) => dataset === 'kubernetes.container_logs')!

/** Asks every rule of every record. */
function unfiltered(rules: readonly SigmaRule[], written: Written): string[] {
  const event = new EventView(written.document, written.raw)
  return rules
    .filter((one) => compileNode(nodeForSource(one.node, one.logSource, profile)!)(event))
    .map(({ id }) => id)
}

const SOURCE = { class: 'pod', dataset: 'kubernetes.container_logs', format: 'cri' }

describe('the pre-filter', () => {
  it('lets through every record whose event a rule matches', () => {
    const seen = { matched: 0, stopped: 0 }
    fc.assert(
      fc.property(
        fc.array(rule, { minLength: 1, maxLength: 4 }),
        fc.array(line, { maxLength: 6 }),
        fc.nat(3),
        (rules, lines, offset) => {
          const all = rulesOf(rules)
          const tagger = makeTagger(all).forSource(SOURCE, {})
          if (tagger === undefined) return
          const joined = Buffer.from(lines.map(({ raw }) => `${raw}\n`).join(''))
          const raw = new Uint8Array(joined.length + offset).subarray(offset)
          raw.set(joined)
          const filter = tagger.prepare(raw)
          let start = 0
          for (const written of lines) {
            const end = start + Buffer.byteLength(written.raw)
            const may = filter.may(start, end)
            const expected = unfiltered(all, written)
            const matched = may && !filter.none ? tagger.match(written.document, written.raw) : []
            if (expected.length > 0) seen.matched++
            if (!may) seen.stopped++
            expect({ line: written.raw, rules: matched.map(({ id }) => id) }).toEqual({
              line: written.raw,
              rules: expected,
            })
            start = end + 1
          }
        },
      ),
      { numRuns: Number(process.env.FUZZ_RUNS ?? 2000) },
    )
    expect(seen.matched).toBeGreaterThan(100)
    expect(seen.stopped).toBeGreaterThan(100)
  })

  it('rests on the only two characters outside ASCII that fold into it', () => {
    const found: number[] = []
    for (let code = 0x80; code <= 0x10ffff; code++) {
      if (code >= 0xd800 && code <= 0xdfff) continue
      if (/[\0-\x7f]/.test(fold(String.fromCodePoint(code)))) found.push(code)
    }
    expect(found).toEqual([0x130, 0x212a])
  })
})
