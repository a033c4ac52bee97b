import type { Quality } from './document.ts'

/** Qualities as bits, for code that makes no array a line. The order is the order in `decklog.quality`. */
export const QUALITY_NAMES = [
  'parse-failed',
  'invalid-utf8',
  'control-characters',
  'bidi-characters',
  'truncated',
  'partial',
  'carry-limit',
  'time-missing',
  'time-invalid',
  'time-future',
  'json-depth',
  'json-duplicate-key',
  'json-number-precision',
  'json-invalid',
  'json-proto-key',
  'json-too-many-keys',
  'json-key-too-long',
  'json-lone-surrogate',
  'redacted',
  'json-key-nul',
] as const satisfies readonly Quality[]

export const QualityBit = {
  parseFailed: 1 << 0,
  invalidUtf8: 1 << 1,
  control: 1 << 2,
  bidi: 1 << 3,
  truncated: 1 << 4,
  partial: 1 << 5,
  carryLimit: 1 << 6,
  timeMissing: 1 << 7,
  timeInvalid: 1 << 8,
  timeFuture: 1 << 9,
  jsonDepth: 1 << 10,
  jsonDuplicateKey: 1 << 11,
  jsonNumberPrecision: 1 << 12,
  jsonInvalid: 1 << 13,
  jsonProtoKey: 1 << 14,
  jsonTooManyKeys: 1 << 15,
  jsonKeyTooLong: 1 << 16,
  jsonLoneSurrogate: 1 << 17,
  redacted: 1 << 18,
  jsonKeyNul: 1 << 19,
} as const

/** Names of the bits, in the order above. */
export function qualitiesOf(bits: number): Quality[] {
  return QUALITY_NAMES.filter((_, bit) => (bits & (1 << bit)) !== 0)
}
