import { inNetwork, type Network, parseAddress } from '../../core/address.ts'
import { fold } from './fold.ts'
import { bestLiteral } from './literals.ts'
import type { ValueTest } from './node.ts'
import { compilePattern, hasWildcard, type Pattern, plainText } from './pattern.ts'

/** Any of several wildcard patterns; plain ones are looked up in one step, however many. */
export function patternTest(patterns: readonly Pattern[], cased: boolean): ValueTest {
  const folded = cased ? patterns : patterns.map(foldPattern)
  const whole = new Set(folded.filter((pattern) => !hasWildcard(pattern)).map(plainText))
  const globs = folded.filter(hasWildcard).map(compilePattern)
  const needs = patterns.map(literalOf)
  return {
    matches: (text, lower) => {
      const subject = cased ? text : lower
      return whole.has(subject) || globs.some((glob) => glob(subject))
    },
    needs: needs.every((need) => need !== undefined) ? needs : undefined,
  }
}

function foldPattern(pattern: Pattern): Pattern {
  return pattern.map((part) => (typeof part === 'string' ? fold(part) : part))
}

function literalOf(pattern: Pattern): string | undefined {
  return bestLiteral(pattern.filter((part) => typeof part === 'string').map(fold))
}

/** A value of the rule that is a number or a boolean: `22`, `true`; the event may hold it as text. */
export function literalTest(expected: number | boolean): ValueTest {
  const text = String(expected)
  return { matches: (_, folded) => folded === text, needs: undefined }
}

export const COMPARISONS = {
  lt: (left: number, right: number) => left < right,
  lte: (left: number, right: number) => left <= right,
  gt: (left: number, right: number) => left > right,
  gte: (left: number, right: number) => left >= right,
  equals: (left: number, right: number) => left === right,
} as const

export type Comparison = keyof typeof COMPARISONS

export function numberTest(comparison: Comparison, expected: number): ValueTest {
  const holds = COMPARISONS[comparison]
  return {
    matches: (text, _, value) => {
      const number = typeof value === 'number' ? value : decimal(text)
      return number !== undefined && holds(number, expected)
    },
    needs: undefined,
  }
}

/** Only plain decimal numbers: `0x10`, `1e3`, ` 7` and an empty text are none. */
export function decimal(text: string): number | undefined {
  return /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : undefined
}

const TIME_PARTS = {
  minute: (time: Date) => time.getUTCMinutes(),
  hour: (time: Date) => time.getUTCHours(),
  day: (time: Date) => time.getUTCDate(),
  week: isoWeek,
  month: (time: Date) => time.getUTCMonth() + 1,
  year: (time: Date) => time.getUTCFullYear(),
} as const

export type TimePart = keyof typeof TIME_PARTS

export function isTimePart(name: string): name is TimePart {
  return Object.hasOwn(TIME_PARTS, name)
}

/** A part of a time stamp, in UTC. What is no ISO 8601 time stamp does not match. */
export function timeTest(part: TimePart, comparison: Comparison, expected: number): ValueTest {
  const holds = COMPARISONS[comparison]
  return {
    matches: (text) => {
      if (!/^\d{4}-\d\d-\d\dT/.test(text)) return false
      const time = new Date(text)
      return !Number.isNaN(time.getTime()) && holds(TIME_PARTS[part](time), expected)
    },
    needs: undefined,
  }
}

/** ISO 8601: the week that holds the year's first Thursday is week 1. */
function isoWeek(time: Date): number {
  const thursday = new Date(Date.UTC(time.getUTCFullYear(), time.getUTCMonth(), time.getUTCDate()))
  thursday.setUTCDate(thursday.getUTCDate() + 4 - (thursday.getUTCDay() || 7))
  const newYear = Date.UTC(thursday.getUTCFullYear(), 0, 1)
  return Math.ceil(((thursday.getTime() - newYear) / 86_400_000 + 1) / 7)
}

/** Any of several networks. IPv4 written as IPv6 (`::ffff:10.0.0.1`) is found by an IPv4 network. */
export function networksTest(networks: readonly Network[]): ValueTest {
  return {
    matches: (text) => {
      const zone = text.indexOf('%')
      const address = parseAddress(zone < 0 ? text : text.slice(0, zone))
      return address !== undefined && networks.some((network) => inNetwork(address, network))
    },
    needs: undefined,
  }
}
