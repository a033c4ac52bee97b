/** Second looks that a pattern cannot take. Each gets the secret that was found. */
export const checks: Readonly<Record<string, (secret: string) => boolean>> = {
  /** `user:password` in base64, not the word "authentication". */
  'base64-pair': (secret) => Buffer.from(secret, 'base64').toString('latin1').includes(':'),
  /** A token that a cluster gave to a service account. */
  'service-account': (secret) => {
    const payload = secret.split('.', 2)[1] ?? ''
    return Buffer.from(payload.slice(0, 8192), 'base64url').toString('latin1').includes('kubernetes')
  },
  /** A word of prose has no digit. */
  digit: (secret) => /\d/.test(secret),
  'not-reference': (secret) => !isPlaceholder(secret),
}

const WORDS = new Set([
  'true',
  'false',
  'null',
  'nil',
  'none',
  'undefined',
  'empty',
  'redacted',
  'hidden',
  'masked',
  'omitted',
  'required',
  'prompt',
  'yes',
  'no',
])

/** Nothing that anybody would have to hide: `***`, `<none>`, `${PASSWORD}`, or what was taken out already. */
export function isPlaceholder(value: string): boolean {
  if (value.length === 0) return true
  if (value.startsWith('[redacted') || value.startsWith('[REDACTED')) return true
  const only = value[0]!
  if ('*•.-x?#_X'.includes(only) && value === only.repeat(value.length)) return true
  if (
    /^(?:\$\{.{0,256}\}?|\$\(.{0,256}\)?|\$[A-Z_][A-Z0-9_]{0,64}|\{\{.{0,256}|%[sdvqr]|<[^>]{0,64}>?)$/.test(
      value,
    )
  )
    return true
  return WORDS.has(value.toLowerCase())
}
