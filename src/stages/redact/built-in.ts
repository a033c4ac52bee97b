import { isPlaceholder } from './checks.ts'
import { closingQuote, type Found, NOTHING_FOUND, type RedactRule, type View } from './rule.ts'

/** Rules that are code: what they look for has a structure. */
export const builtIns: Readonly<Record<string, (id: string) => RedactRule>> = {
  'kubernetes-secret': kubernetesSecret,
  'url-credentials': urlCredentials,
  'audit-hex': auditHex,
}

const QUOTE = 0x22
/** `"kind": "` in JSON that is escaped a few times. */
const KIND_SPAN = 32

/** `data` and `stringData` of an object of kind Secret, and of a list that has some. */
function kubernetesSecret(id: string): RedactRule {
  return {
    id,
    literals: ['secret'],
    guard: (bytes, start) => {
      const before = bytes[start - 1]
      if (before !== QUOTE && before !== 0x20) return false
      const span = bytes.subarray(Math.max(0, start - KIND_SPAN), start)
      return Buffer.from(span.buffer, span.byteOffset, span.length).includes('kind')
    },
    find: (view, start) => {
      const before = view.text.slice(Math.max(0, start - KIND_SPAN), start)
      if (!/"kind"\s{0,4}:\s{0,4}"$/.test(before)) return NOTHING_FOUND
      return [...valuesOfMaps(view)]
    },
  }
}

const MAPS = /"(?:data|stringData)"\s{0,8}:\s{0,8}\{/g
const MEMBER = /\s{0,64}"[^"]{1,253}"\s{0,8}:\s{0,8}"/y
function* valuesOfMaps(view: View): Generator<Found> {
  const { text } = view
  for (const map of text.matchAll(MAPS)) {
    let at = map.index + map[0].length
    while (true) {
      MEMBER.lastIndex = at
      const member = MEMBER.exec(text)
      if (member === null) break
      const from = at + member[0].length
      const close = closingQuote(view, from, text.length)
      const to = close?.at ?? text.length
      if (to > from) yield { from, to, ...(close === undefined ? {} : { toPlace: close.place }) }
      at = to + 1
      if (text[at] !== ',') break
      at++
    }
  }
}

const USER_INFO_MAX = 512

/** `scheme://user:password@host`. */
function urlCredentials(id: string): RedactRule {
  return {
    id,
    literals: ['://'],
    guard: (bytes, _start, end) => {
      const stop = Math.min(bytes.length, end + USER_INFO_MAX)
      let colon = false
      for (let at = end; at < stop; at++) {
        const byte = bytes[at]!
        if (byte === 0x40) return colon
        if (byte === 0x3a) colon = true
        else if (byte <= 0x20 || byte === QUOTE || byte === 0x2f || byte === 0x3c) return false
      }
      return false
    },
    find: ({ text }, _start, end) => {
      USER_INFO.lastIndex = end
      const match = USER_INFO.exec(text)
      const password = match?.groups?.secret
      if (match === null || password === undefined || isPlaceholder(password)) return NOTHING_FOUND
      const to = end + match[0].length - 1
      return [{ from: to - password.length, to }]
    },
  }
}

/** The last `@` before the path ends the password. */
const USER_INFO = /[^\s:@/"'<>]{0,256}:(?<secret>[^\s/"'<>]{1,512})@/y

/** Takes out nothing itself: text in hexadecimal digits is looked at by all rules. */
function auditHex(id: string): RedactRule {
  return {
    id,
    literals: ['proctitle=', ' cmd='],
    guard: (bytes, _start, end) => isHex(bytes[end]) && isHex(bytes[end + 1]) && isHex(bytes[end + 7]),
    find: () => NOTHING_FOUND,
  }
}

function isHex(byte: number | undefined): boolean {
  return byte !== undefined && ((byte >= 0x30 && byte <= 0x39) || (byte >= 0x41 && byte <= 0x46))
}
