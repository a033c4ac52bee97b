import type { Entry } from './entry.ts'

/**
 * Which of the configured names an entry belongs to, by what the journal itself says of its writer: `sshd.service` and `session-*.scope` its
 * unit, `/usr/bin/sudo` its executable, `kernel` and `audit` the way it came. The first that fits, in the order of the configuration.
 */
export function unitPicker(names: readonly string[]): (entry: Entry) => string | undefined {
  const tests = names.map((name) => ({ name, fits: testOf(name) }))
  return (entry) => tests.find(({ fits }) => fits(entry))?.name
}

function testOf(name: string): (entry: Entry) => boolean {
  if (name.startsWith('/')) return ({ executable }) => executable === name
  if (!name.includes('.')) return ({ transport }) => transport === name
  if (!name.includes('*')) return ({ unit }) => unit === name
  const [start, ...rest] = name.split('*') as [string, ...string[]]
  const end = rest.pop() ?? ''
  return ({ unit }) =>
    unit.length >= start.length + end.length &&
    unit.startsWith(start) &&
    unit.endsWith(end) &&
    holds(unit, rest)
}

function holds(unit: string, parts: readonly string[]): boolean {
  return parts.every((part) => unit.includes(part))
}
