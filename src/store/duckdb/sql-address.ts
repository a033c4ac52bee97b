import type { Network } from '../../core/address.ts'
import { formatAddress } from '../../core/address.ts'
import { literal } from './sql-text.ts'

const OCTET_PATTERN = '(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])'
const V4_PATTERN = `${OCTET_PATTERN}(\\.${OCTET_PATTERN}){3}`

/** Binds a value to a name. A macro's argument is copied wherever it stands, and planning the copies took seconds. */
function letSql(name: string, value: string, body: string): string {
  return `list_transform([${value}], lambda ${name}: ${body})[1]`
}

/** `v`, four octets, as 8 hex digits. */
const V4_HEX = letSql(
  'o',
  `string_split(v, '.')`,
  `printf('%02x%02x%02x%02x', o[1]::INT, o[2]::INT, o[3]::INT, o[4]::INT)`,
)

const JOINED = (groups: string): string =>
  `lower(list_aggregate(list_transform(${groups}, lambda x: lpad(x, 4, '0')), 'string_agg', ''))`

/** `g`: the groups before the `::` and those after it. */
const GROUPS_HEX = `CASE
  WHEN len(g[1]) + len(g[2]) > 7 THEN NULL
  WHEN len(list_filter(g[1] || g[2], lambda x: NOT regexp_full_match(x, '[0-9a-fA-F]{1,4}'))) > 0 THEN NULL
  ELSE ${JOINED(`g[1] || list_transform(range(8 - len(g[1]) - len(g[2])), lambda x: '0') || g[2]`)} END`

/** `p`: what stands before and after the `::`; one part when there is none. */
const PARTS_HEX = `CASE len(p)
  WHEN 1 THEN CASE WHEN regexp_full_match(p[1], '([0-9a-fA-F]{1,4}:){7}[0-9a-fA-F]{1,4}')
    THEN ${JOINED(`string_split(p[1], ':')`)} END
  WHEN 2 THEN ${letSql('g', `list_transform(p, lambda x: CASE WHEN x = '' THEN []::VARCHAR[] ELSE string_split(x, ':') END)`, GROUPS_HEX)}
  END`

/** `a` with its IPv4 tail, if there is one, as two groups. */
const WITHOUT_V4 = `CASE WHEN NOT contains(a, '.') THEN a ELSE ${letSql(
  'v',
  `regexp_extract(a, '[^:]*$')`,
  `CASE WHEN regexp_full_match(v, '${V4_PATTERN}') THEN ${letSql(
    'h',
    V4_HEX,
    `substr(a, 1, length(a) - length(v)) || substr(h, 1, 4) || ':' || substr(h, 5, 4)`,
  )} END`,
)} END`

const MAPPED = '00000000000000000000ffff'
const SIXES = letSql(
  's',
  letSql('p', `string_split(${WITHOUT_V4}, '::')`, PARTS_HEX),
  `CASE WHEN starts_with(s, '${MAPPED}') THEN '4' || substr(s, 25) ELSE '6' || s END`,
)

/**
 * `address_hex(text)`: `4` and 8 hex digits, or `6` and 32, which sort as addresses do; NULL when it is none. IPv4 in IPv6 is
 * IPv4. The same reading as `parseAddress` of core/address.ts; a test compares the two.
 */
export const ADDRESS_MACRO = `CREATE OR REPLACE MACRO address_hex(e) AS ${letSql(
  'a',
  'e',
  `CASE WHEN length(a) > 45 THEN NULL
    WHEN contains(a, ':') THEN ${SIXES}
    WHEN regexp_full_match(a, '${V4_PATTERN}') THEN '4' || ${letSql('v', 'a', V4_HEX)} END`,
)}`

/** Is the address in the network? IPv4 texts are told by their first octets, which is ten times faster than the macro. */
export function inNetworkSql(expression: string, network: Network): string {
  const [first, last] = [network.first, network.last].map((value) => literal(hexOf(network.version, value)))
  const general = `(address_hex(${expression}) BETWEEN ${first} AND ${last})`
  if (network.version === 6) return general
  const octets = Math.floor(network.bits / 8)
  const parts = formatAddress({ version: 4, value: network.first }).split('.')
  const prefix = parts.slice(0, octets).join('.') + (octets > 0 && octets < 4 ? '.' : '')
  const tests =
    octets === 4 ? [`${expression} = ${literal(prefix)}`] : [`starts_with(${expression}, ${literal(prefix)})`]
  if (octets < 4) tests.push(`regexp_full_match(${expression}, ${literal(V4_PATTERN)})`)
  if (network.bits % 8 > 0) {
    const shift = BigInt(24 - 8 * octets)
    const [low, high] = [network.first, network.last].map((value) => (value >> shift) & 255n)
    tests.push(
      `TRY_CAST(split_part(${expression}, '.', ${octets + 1}) AS INTEGER) BETWEEN ${low} AND ${high}`,
    )
  }
  return `((${tests.join(' AND ')}) OR (contains(${expression}, ':') AND ${general}))`
}

/** As `address_hex` makes them. */
export function hexOf(version: 4 | 6, value: bigint): string {
  return `${version}${value.toString(16).padStart(version === 4 ? 8 : 32, '0')}`
}
