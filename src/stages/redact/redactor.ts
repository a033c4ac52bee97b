import type { RedactRuleSpec } from '../../core/redact-rule.ts'
import { createHmac } from 'node:crypto'
import { compileScan } from '../../core/literal-scan/block-scan.ts'
import { HitFilter } from '../../core/literal-scan/hit-filter.ts'
import type { LineFilter } from '../../core/tagging.ts'
import type { Redactor } from '../run.ts'
import { compileRule } from './compile.ts'
import { placeOf, type RedactRule } from './rule.ts'
import { viewsOf } from './views.ts'

/** Digits of the keyed hash that stand for a secret: 48 bits. */
const HASH_DIGITS = 12

export interface RedactorOptions {
  readonly rules: readonly RedactRuleSpec[]
  /** Of the keyed hash. With the same key equal secrets get the same mark, wherever they are met. */
  readonly key: Uint8Array
}

/**
 * Takes secrets out of text: each becomes `[redacted:<rule>:<hash>]`. Lines are found by the rules' literals in one scan of a batch's
 * bytes; only those that may hold a secret are looked at.
 * @throws {DecklogError} `config-invalid` when a rule cannot be used
 */
export function makeRedactor({ rules, key }: RedactorOptions): Redactor {
  const probes = probesOf(rules.map(compileRule))
  const scan = compileScan([...probes.keys(), ...HIDING])
  const lists = [...probes.values()]
  return {
    prepare(raw) {
      const hits: number[] = []
      const report = (start: number, id: number): boolean => {
        const list = lists[id]
        const isHit = list === undefined ? mayHide(raw, start) : mayFindAny(list, raw, start)
        if (isHit) hits.push(start)
        return isHit
      }
      scan(raw, { oncePerRecord: true, report })
      return hits.length === 0 ? NOTHING : new HitFilter(hits)
    },
    apply(text, used) {
      const found = findAll(text, (bytes, report) => scan(bytes, { oncePerRecord: false, report }), lists)
      return found.length === 0 ? text : replaceAll(text, found, key, used)
    },
  }
}

const NOTHING: LineFilter = { none: true, may: () => false }

interface Probe {
  readonly rule: RedactRule
  /** Rules that come first win where two find the same. */
  readonly order: number
  readonly length: number
}

function probesOf(rules: readonly RedactRule[]): Map<string, Probe[]> {
  const probes = new Map<string, Probe[]>()
  for (const [order, rule] of rules.entries()) {
    for (const literal of rule.literals) {
      const probe = { rule, order, length: literal.length }
      probes.set(literal, [...(probes.get(literal) ?? []), probe])
    }
  }
  return probes
}

function mayFind({ rule, length }: Probe, bytes: Uint8Array, start: number): boolean {
  return rule.guard === undefined || rule.guard(bytes, start, start + length)
}

function mayFindAny(probes: readonly Probe[], bytes: Uint8Array, start: number): boolean {
  for (const probe of probes) if (mayFind(probe, bytes, start)) return true
  return false
}

/** Ways to write a letter, a digit or one of `_-=:` that hide a literal: `\u0070assword`, `%70assword`. */
const ESCAPED = ['2', '3', '4', '5', '6', '7'].flatMap((high) => [`\\u00${high}`, `%${high}`])
const HIDING = ESCAPED.flatMap((prefix) => (prefix.startsWith('%') ? hexDigits(prefix) : [prefix]))

function hexDigits(prefix: string): string[] {
  return Array.from({ length: 16 }, (_, low) => prefix + low.toString(16))
}

/** Go writes `<`, `>` and `&` as escapes all the time, and what is encoded in a URL is seldom a letter. */
function mayHide(bytes: Uint8Array, start: number): boolean {
  const isUnicode = bytes[start] === 0x5c
  const high = bytes[isUnicode ? start + 4 : start + 1]!
  const low = bytes[isUnicode ? start + 5 : start + 2] ?? 0
  const code = Number.parseInt(String.fromCharCode(high, low), 16)
  if (code >= 0x61) return code <= 0x7a
  if (code >= 0x41) return code <= 0x5a || code === 0x5f
  return code === 0x3d || (code === 0x3a && isUnicode) || (code === 0x22 && !isUnicode)
}

/** A secret, by its place in the record. */
interface Secret {
  readonly from: number
  readonly to: number
  readonly rule: string
  readonly order: number
  /** As it is, without escapes. */
  readonly text: string
  readonly quote: string
}

const MARK_START = '[redacted:'

/** The name of a rule in a mark is no name of a secret. */
function isMarked(text: string, at: number): boolean {
  return (
    text.slice(Math.max(0, at - 40), at).includes(MARK_START) &&
    /\[redacted:[a-z0-9-]{0,40}$/.test(text.slice(Math.max(0, at - 40), at))
  )
}

type ScanAll = (bytes: Uint8Array, report: (start: number, id: number) => boolean) => void

function findAll(text: string, scan: ScanAll, lists: readonly (readonly Probe[])[]): Secret[] {
  const found: Secret[] = []
  for (const view of viewsOf(text)) {
    // Characters above U+00FF leave a byte that may be anything: a pattern looks at the text itself.
    const bytes = Buffer.from(view.text, 'latin1')
    const seen = new Set<number>()
    scan(bytes, (start, id) => {
      for (const probe of lists[id] ?? []) {
        const once = start * 1024 + probe.order
        if (seen.has(once) || !mayFind(probe, bytes, start) || isMarked(view.text, start)) continue
        seen.add(once)
        for (const { from, to, toPlace, quote = '' } of probe.rule.find(view, start, start + probe.length)) {
          if (view.text.startsWith(MARK_START, from)) continue
          found.push({
            from: placeOf(view, from),
            to: toPlace ?? placeOf(view, to),
            rule: probe.rule.id,
            order: probe.order,
            text: view.text.slice(from, to),
            quote,
          })
        }
      }
      return false
    })
  }
  return found
}

/** Where ranges overlap they become one, with the mark of the rule that comes first. */
function replaceAll(text: string, found: Secret[], key: Uint8Array, used: Set<string> | undefined): string {
  found.sort((a, b) => a.from - b.from || a.order - b.order)
  let result = ''
  let at = 0
  for (let index = 0; index < found.length; ) {
    let best = found[index]!
    const { from } = best
    let { to } = best
    for (index++; index < found.length && found[index]!.from < to; index++) {
      const other = found[index]!
      to = Math.max(to, other.to)
      if (other.order < best.order) best = other
    }
    result += `${text.slice(at, from)}${best.quote}${markOf(best, key)}${best.quote}`
    used?.add(best.rule)
    at = to
  }
  return result + text.slice(at)
}

function markOf({ rule, text }: Secret, key: Uint8Array): string {
  const hash = createHmac('sha256', key).update(text).digest('hex').slice(0, HASH_DIGITS)
  return `[redacted:${rule}:${hash}]`
}
