import { hasWildcard, parsePattern, type Pattern, plainText } from './pattern.ts'
import { RuleError } from './problem.ts'
import type { Transform } from './modifiers.ts'

/** Values for `%name%`, by name. */
export type Placeholders = Readonly<Record<string, readonly string[]>>

/** A value on its way: a pattern, and, once it is encoded, its bytes. */
interface Variant {
  readonly pattern: Pattern
  readonly bytes: Buffer | undefined
}

/** All patterns that a value stands for, of which any may match. */
export function applyTransforms(
  value: string,
  transforms: readonly Transform[],
  placeholders: Placeholders,
): Pattern[] {
  const sources = transforms.includes('expand') ? expand(value, placeholders) : [value]
  let variants: Variant[] = sources.map((source) => ({ pattern: parsePattern(source), bytes: undefined }))
  for (const transform of transforms) variants = variants.flatMap((variant) => applyOne(variant, transform))
  return variants.map((variant) => variant.pattern)
}

function applyOne(variant: Variant, transform: Transform): Variant[] {
  switch (transform) {
    case 'expand':
      return [variant]
    case 'windash':
      return windash(variant.pattern).map((pattern) => ({ pattern, bytes: undefined }))
    case 'base64':
      return [encoded(bytesOf(variant, transform).toString('base64'))]
    case 'base64offset':
      return base64Offsets(bytesOf(variant, transform)).map(encoded)
    default:
      return [wide(bytesOf(variant, transform), variant, transform)]
  }
}

function encoded(text: string): Variant {
  return { pattern: [text], bytes: undefined }
}

function bytesOf(variant: Variant, transform: Transform): Buffer {
  if (hasWildcard(variant.pattern)) {
    throw new RuleError(
      `${transform} cannot encode a value with wildcards`,
      String.raw`write \* and \? where the characters are meant`,
    )
  }
  return variant.bytes ?? Buffer.from(plainText(variant.pattern), 'utf8')
}

function wide(bytes: Buffer, variant: Variant, transform: 'wide' | 'utf16' | 'utf16be'): Variant {
  const text = variant.bytes === undefined ? plainText(variant.pattern) : bytes.toString('latin1')
  const little = Buffer.from(text, 'utf16le')
  const body = transform === 'utf16be' ? Buffer.from(little).swap16() : little
  const mark = transform === 'utf16' ? Buffer.from([0xff, 0xfe]) : Buffer.alloc(0)
  const all = Buffer.concat([mark, body])
  return { pattern: [all.toString('latin1')], bytes: all }
}

/**
 * What base64 makes of the bytes when they stand at offset 0, 1 or 2 of a longer text: the characters that depend on these
 * bytes only.
 */
function base64Offsets(bytes: Buffer): string[] {
  return [0, 1, 2].map((offset) => {
    const text = Buffer.concat([Buffer.alloc(offset), bytes]).toString('base64')
    const start = [0, 2, 3][offset]!
    const tail = (bytes.length + offset) % 3
    return text.slice(start, tail === 0 ? text.length : text.length - (tail === 1 ? 3 : 2))
  })
}

/** Every dash before an option, and a slash too, may be any of these: Windows takes them all. */
const DASHES = ['-', '/', '–', '—', '―']

function windash(pattern: Pattern): Pattern[] {
  return DASHES.map((dash) =>
    pattern.map((part) => (typeof part === 'string' ? part.replaceAll(/(?<!\w)[-/](?=\w)/g, dash) : part)),
  )
}

function expand(value: string, placeholders: Placeholders): string[] {
  const found = /%([A-Za-z0-9_-]+)%/.exec(value)
  if (found === null) return [value]
  const values = placeholders[found[1]!]
  if (values === undefined || values.length === 0) {
    throw new RuleError(
      `the placeholder %${found[1]!}% has no values here`,
      'write the values themselves, or leave the rule out of pipelines/rules',
    )
  }
  const head = value.slice(0, found.index)
  const tails = expand(value.slice(found.index + found[0].length), placeholders)
  return values.flatMap((one) => tails.map((tail) => head + one + tail))
}
