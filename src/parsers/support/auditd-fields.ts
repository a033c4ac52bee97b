import type { Json, JsonObject } from '../../core/document.ts'
import { decodeHex, encodeHex, isHex, neededHex, withCarets } from './auditd-hex.ts'
import type { Pairs } from './auditd-pairs.ts'

/** Fields whose text others choose. */
const TEXTS = new Set(
  'exe cmd data path comm file name watch cwd acct dir vm old-chardev new-chardev old-disk new-disk old-fs new-fs old-net new-net device cgroup apparmor operation denied_mask info profile requested_mask old-rng new-rng ocomm grp new_group invalid_context sw root_dir proctitle key xdevice unit cause'.split(
    ' ',
  ),
)
/** Always in hexadecimal when they are not in quotes. */
const ALWAYS = new Set(['cmd', 'data', 'proctitle'])
const NUMBERS = new Set('lport rport entries dst_prefixlen ksize size src_prefixlen'.split(' '))
const BOOLEANS = new Set(['success', 'key_enforce'])

/** Decodes values, and takes secrets out of what nobody could read before. */
export interface Decoder {
  readonly redact: ((text: string) => string) | undefined
  /** Hexadecimal that held a secret, and what stands there now. */
  readonly replaced: [from: string, to: string][]
}

export function decodeText(value: string, decoder: Decoder): string {
  const text = decodeHex(value)
  if (decoder.redact === undefined) return text
  const redacted = decoder.redact(text)
  if (redacted !== text) decoder.replaced.push([value, encodeHex(redacted)])
  return redacted
}

/** A pair's value as it goes into fields; undefined where it says that there is none. */
export function valueOf(pairs: Pairs, at: number, decoder: Decoder): string | undefined {
  const value = pairs.values[at]!
  if (value === '?' || value === '' || value === '(null)') return undefined
  if (pairs.quoted[at]! || value.length < 2) return value
  const key = pairs.keys[at]!
  if (!TEXTS.has(key) || !isHex(value)) return value
  if (key === 'proctitle') return decodeTitle(value, decoder)
  const text = decodeText(value, decoder)
  return ALWAYS.has(key) || neededHex(text) ? withCarets(text) : value
}

/** Arguments with NUL between them, cut by the kernel at 128 bytes. */
function decodeTitle(value: string, decoder: Decoder): string {
  return withCarets(decodeText(value, decoder).replaceAll('\0', ' ').trimEnd())
}

/** A field of `auditd.log` of the type that Elastic's integration gives it. */
export function typed(key: string, value: string): Json {
  if (NUMBERS.has(key)) {
    const number = Number(value)
    return Number.isSafeInteger(number) ? number : value
  }
  return BOOLEANS.has(key) ? value === 'yes' || value === '1' || value === 'true' : value
}

/** A name that comes twice has both values: the first is the kernel's, for a program's message comes after. */
export function put(object: JsonObject, key: string, value: Json): void {
  if (key === '__proto__' || key === 'constructor') return
  const before = object[key]
  if (before === undefined) object[key] = value
  else if (Array.isArray(before)) {
    if (!before.includes(value) && before.length < 16) before.push(value)
  } else if (before !== value) object[key] = [before, value]
}

/** Names with dots would become objects in a store. */
export function isPlainKey(key: string): boolean {
  return key.length <= 64 && !key.includes('.') && key !== ''
}
