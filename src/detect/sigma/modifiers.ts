import { RuleError } from './problem.ts'
import { isTimePart, type Comparison, type TimePart } from './value-tests.ts'

/** What a value becomes before it is compared, in the order written. */
export type Transform = 'windash' | 'base64' | 'base64offset' | 'wide' | 'utf16' | 'utf16be' | 'expand'

/** The modifiers behind a field name, sorted by what they do. */
export interface Modifiers {
  readonly transforms: readonly Transform[]
  readonly before: boolean
  readonly after: boolean
  readonly all: boolean
  readonly cased: boolean
  readonly negated: boolean
  /** Flags of `re`, or undefined when the value is no regular expression. */
  readonly regex: string | undefined
  readonly cidr: boolean
  readonly exists: boolean
  readonly fieldref: boolean
  readonly comparison: Comparison | undefined
  readonly timePart: TimePart | undefined
}

const TRANSFORMS: Readonly<Record<string, Transform>> = {
  windash: 'windash',
  base64: 'base64',
  base64offset: 'base64offset',
  wide: 'wide',
  utf16le: 'wide',
  utf16be: 'utf16be',
  utf16: 'utf16',
  expand: 'expand',
}

const REGEX_FLAGS: Readonly<Record<string, string>> = {
  i: 'i',
  ignorecase: 'i',
  m: 'm',
  multiline: 'm',
  s: 's',
  dotall: 's',
}

const OTHERS =
  'all cased cidr contains endswith exists fieldref neq re startswith gt gte lt lte minute hour day week month year'

export const MODIFIERS: readonly string[] = [...OTHERS.split(' '), ...Object.keys(TRANSFORMS)]

export function readModifiers(names: readonly string[]): Modifiers {
  for (const name of names) {
    if (MODIFIERS.includes(name) || (names.includes('re') && name in REGEX_FLAGS)) continue
    throw new RuleError(`unknown modifier "${name}"`, `write one of: ${MODIFIERS.join(', ')}`)
  }
  const has = (name: string): boolean => names.includes(name)
  const modifiers: Modifiers = {
    transforms: names.flatMap((name) => TRANSFORMS[name] ?? []),
    before: has('contains') || has('endswith'),
    after: has('contains') || has('startswith'),
    all: has('all'),
    cased: has('cased'),
    negated: has('neq'),
    regex: has('re') ? [...new Set(names.flatMap((name) => REGEX_FLAGS[name] ?? []))].join('') : undefined,
    cidr: has('cidr'),
    exists: has('exists'),
    fieldref: has('fieldref'),
    comparison: (['lt', 'lte', 'gt', 'gte'] as const).find(has),
    timePart: names.find(isTimePart),
  }
  rejectMixtures(names, modifiers)
  return modifiers
}

/** Modifiers of which each decides how a value is compared: one of them at most. */
function rejectMixtures(names: readonly string[], modifiers: Modifiers): void {
  const shape = (['contains', 'startswith', 'endswith'] as const).filter((name) => names.includes(name))
  const ways = [
    ...(shape.length > 0 && !modifiers.fieldref ? shape : []),
    ...(modifiers.regex === undefined ? [] : ['re']),
    ...(modifiers.cidr ? ['cidr'] : []),
    ...(modifiers.exists ? ['exists'] : []),
    ...(modifiers.fieldref ? ['fieldref'] : []),
    ...((modifiers.comparison ?? modifiers.timePart) ? [modifiers.comparison ?? modifiers.timePart!] : []),
  ]
  if (ways.length > 1 || shape.length > 1) {
    const listed = (ways.length > 1 ? ways : shape).join(' and ')
    throw new RuleError(`the modifiers ${listed} cannot be combined`, 'keep one of them')
  }
}
