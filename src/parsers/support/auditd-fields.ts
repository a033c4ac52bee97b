import type { Json, JsonObject } from '../../core/document.ts'
import { decodeHex, encodeHex, isDigits, isHex, neededHex, withCarets } from './auditd-hex.ts'

/** What is known of a name. */
export interface Field {
  /** The name, as one string for all records: a name that was cut out of a text would have to be looked up each time. */
  readonly name: string
  readonly kind: 'text' | 'hidden' | 'number' | 'boolean' | 'plain'
}

/** By kind. `text`: others choose it, so it may be in hexadecimal; `hidden`: always is, where it is not in quotes. */
const NAMES: Readonly<Record<Field['kind'], string>> = {
  text: 'exe path comm file name watch cwd acct dir vm old-chardev new-chardev old-disk new-disk old-fs new-fs old-net new-net device cgroup apparmor operation denied_mask info profile requested_mask old-rng new-rng ocomm grp new_group invalid_context sw root_dir key xdevice unit cause',
  hidden: 'cmd data proctitle',
  number: 'lport rport entries dst_prefixlen ksize size src_prefixlen',
  boolean: 'success key_enforce',
  plain:
    'arch syscall exit a0 a1 a2 a3 items ppid pid auid uid gid euid suid fsuid egid sgid fsgid tty ses subj op id hostname addr terminal res ARCH SYSCALL AUID UID GID EUID SUID FSUID EGID SGID FSGID ID OUID OGID item inode dev mode ouid ogid rdev nametype objtype obj cap_fp cap_fi cap_fe cap_fver cap_frootid argc saddr old_auid old-auid new_auid new-auid old-ses grantors kind direction spid laddr cipher pfs fp scontext tcontext tclass permissive capability ino table family result src dst',
}

const FIELDS: ReadonlyMap<string, Field> = new Map(
  (Object.keys(NAMES) as Field['kind'][]).flatMap((kind) =>
    NAMES[kind].split(' ').map((name): [string, Field] => [name, { name, kind }]),
  ),
)

export function fieldNames(): Iterable<string> {
  return FIELDS.keys()
}

export function fieldOf(name: string): Field {
  return FIELDS.get(name) ?? { name, kind: 'plain' }
}

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
export function valueOf(
  { name, kind }: Field,
  value: string,
  quoted: boolean,
  decoder: Decoder,
): string | undefined {
  if (value === '?' || value === '' || value === '(null)') return undefined
  if (quoted || value.length < 2 || (kind !== 'text' && kind !== 'hidden') || !isHex(value)) return value
  if (name === 'proctitle') return decodeTitle(value, decoder)
  const text = decodeText(value, decoder)
  return kind === 'hidden' || neededHex(text) ? withCarets(text) : value
}

/** Arguments with NUL between them, cut by the kernel at 128 bytes. */
function decodeTitle(value: string, decoder: Decoder): string {
  return withCarets(decodeText(value, decoder).replaceAll('\0', ' ').trimEnd())
}

/** A field of `auditd.log` of the type that Elastic's integration gives it; undefined where it has to be a number and is none. */
export function typed({ kind }: Field, value: string): Json | undefined {
  if (kind === 'boolean') return value === 'yes' || value === '1' || value === 'true'
  if (kind !== 'number') return value
  return value.length < 16 && isDigits(value) ? Number(value) : undefined
}

/** A name that comes twice has both values: the first is the kernel's, for a program's message comes after. */
export function put(object: JsonObject, key: string, value: Json): void {
  if (key === '__proto__') return
  const before: unknown = object[key]
  // A function is what every object has under that name.
  if (before === undefined || typeof before === 'function') object[key] = value
  else if (Array.isArray(before)) {
    if (!before.includes(value) && before.length < 16) before.push(value)
  } else if (before !== value) object[key] = [before as Json, value]
}

/** Names with dots would become objects in a store. */
export function isPlainKey(key: string): boolean {
  return key.length <= 64 && !key.includes('.') && key !== ''
}
