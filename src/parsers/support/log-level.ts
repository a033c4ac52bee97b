/** pino and bunyan count in tens; syslog, GELF and journald have severities. */
export const LEVEL_NUMBERS: Readonly<Record<string, string>> = {
  '10': 'trace',
  '20': 'debug',
  '30': 'info',
  '40': 'warn',
  '50': 'error',
  '60': 'fatal',
  '0': 'emergency',
  '1': 'alert',
  '2': 'critical',
  '3': 'error',
  '4': 'warning',
  '5': 'notice',
  '6': 'info',
  '7': 'debug',
}
const NAME_LENGTH_MAX = 32

/** ECS `log.level` of a logger's level: its own name in lower case, or the name of its number; undefined for what is none. */
export function levelName(value: string | number): string | undefined {
  if (typeof value === 'number') return LEVEL_NUMBERS[value]
  if (value.length > NAME_LENGTH_MAX) return undefined
  const known = KNOWN.get(value)
  if (known !== undefined) return known
  if (/^\d{1,2}$/.test(value)) return LEVEL_NUMBERS[value]
  return /^[A-Za-z0-9 _.:+-]+$/.test(value) ? value.toLowerCase() : undefined
}

/** Written so by nearly all: found without making a string. */
const KNOWN: ReadonlyMap<string, string> = new Map(
  ['trace', 'debug', 'info', 'notice', 'warn', 'warning', 'error', 'critical', 'fatal', 'panic'].flatMap(
    (name) => [
      [name, name],
      [name.toUpperCase(), name],
    ],
  ),
)
