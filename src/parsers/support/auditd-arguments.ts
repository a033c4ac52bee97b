import { type Decoder, decodeText } from './auditd-fields.ts'
import { isHex } from './auditd-hex.ts'
import { type AuditRecord, pairsOf } from './auditd-record.ts'

/** Arguments of a program that was started. */
export interface Arguments {
  readonly args: readonly string[]
  /** As the kernel counted them; -1 when no record says so. */
  readonly count: number
  /** None is missing, and none lacks a part. */
  readonly isWhole: boolean
  /** Arguments before the first that is known. */
  readonly skipped: number
}

/** More than fit a record; a document holds no more. */
const ARGS_MAX = 8192

/**
 * EXECVE records: `argc=3 a0="sh" a1=2D63 a2_len=9000 a2[0]=… a2[1]=…`. A record holds 7,500 bytes; what is longer goes on in
 * further records, a long argument in numbered parts.
 */
export function readArguments(records: readonly AuditRecord[], decoder: Decoder): Arguments {
  const whole = new Map<number, string>()
  const parts = new Map<number, Map<number, string>>()
  const lengths = new Map<number, number>()
  let count = -1
  for (const record of records) {
    const pairs = pairsOf(record)
    for (let at = 0; at < pairs.count; at++) {
      const key = pairs.keys[at]!
      const value = pairs.values[at]!
      if (key === 'argc') count = Number(value)
      const place = key.charCodeAt(0) === 97 ? placeOf(key) : undefined
      if (place === undefined) continue
      if (place.isLength) lengths.set(place.argument, Number(value))
      else if (place.part >= 0) partsOf(parts, place.argument).set(place.part, value)
      else whole.set(place.argument, decodeArgument(value, pairs.quoted[at]!, decoder))
    }
  }
  let isWhole = true
  for (const [argument, found] of parts) {
    const text = joinParts(found)
    if (lengths.get(argument) !== text.length) isWhole = false
    whole.set(argument, decodeParts(found, text, decoder))
  }
  return inOrder(whole, count, isWhole)
}

function inOrder(whole: Map<number, string>, count: number, isWhole: boolean): Arguments {
  const numbers = [...whole.keys()].sort((a, b) => a - b)
  const args = numbers.slice(0, ARGS_MAX).map((argument) => whole.get(argument)!)
  const skipped = numbers[0] ?? 0
  const isAll = isWhole && count === numbers.length && (count === 0 || numbers.at(-1) === count - 1)
  return { args, count: Number.isSafeInteger(count) ? count : -1, isWhole: isAll, skipped }
}

function partsOf(parts: Map<number, Map<number, string>>, argument: number): Map<number, string> {
  let found = parts.get(argument)
  if (found === undefined) {
    found = new Map()
    parts.set(argument, found)
  }
  return found
}

function joinParts(parts: Map<number, string>): string {
  const numbers = [...parts.keys()].sort((a, b) => a - b)
  return numbers.map((part) => parts.get(part)!).join('')
}

/** A secret that goes over parts is taken out of the first, and nothing is left of the others. */
function decodeParts(parts: Map<number, string>, joined: string, decoder: Decoder): string {
  const before = decoder.replaced.length
  const text = decodeArgument(joined, false, decoder)
  const replaced = decoder.replaced.splice(before)[0]
  if (replaced === undefined) return text
  let left = replaced[1]
  for (const part of parts.values()) {
    decoder.replaced.push([part, left])
    left = ''
  }
  return text
}

/** Bare text that is no hexadecimal comes from tools that write no quotes. */
function decodeArgument(value: string, quoted: boolean, decoder: Decoder): string {
  return quoted || !isHex(value) ? value : decodeText(value, decoder)
}

interface Place {
  readonly argument: number
  readonly part: number
  readonly isLength: boolean
}

/** `a12`, `a12_len`, `a12[3]`. */
function placeOf(key: string): Place | undefined {
  let at = 1
  let argument = 0
  for (let digit = digitAt(key, at); digit >= 0; digit = digitAt(key, ++at)) argument = argument * 10 + digit
  if (at === 1 || at > 10) return undefined
  if (at === key.length) return { argument, part: -1, isLength: false }
  if (key.startsWith('_len', at)) return { argument, part: -1, isLength: true }
  if (key.charCodeAt(at) !== 91) return undefined
  const part = Number.parseInt(key.slice(at + 1), 10)
  return Number.isSafeInteger(part) && part >= 0 ? { argument, part, isLength: false } : undefined
}

function digitAt(text: string, at: number): number {
  const value = text.charCodeAt(at) - 48
  return value >= 0 && value <= 9 ? value : -1
}
