import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Json } from '../src/core/document.ts'
import { mappedFields } from '../src/store/elasticsearch/manage/fields.ts'

/**
 * Fields of the fixtures' documents that Elasticsearch would not find, for no `schemas/elasticsearch/fields-*.yaml` has them; each
 * with a kind that fits the values that were met. `node scripts/unmapped-fields.ts` prints them, ready to be pasted.
 */
const FIXTURES = join(import.meta.dirname, '..', 'test', 'fixtures', 'formats')
/** Of the fixture, not of the document. */
const NOT_OURS = new Set(['quality', 'original', 'n'])

export interface UnmappedField {
  readonly name: string
  readonly kind: string
  readonly formats: ReadonlySet<string>
}

export function unmappedFields(): UnmappedField[] {
  const mapped = mappedFields()
  const found = new Map<string, { formats: Set<string>; values: Json[] }>()
  const walk = (value: Json, path: string, format: string): void => {
    if (mapped.has(path) || value === null) return
    if (Array.isArray(value)) for (const one of value) walk(one, path, format)
    else if (typeof value === 'object')
      for (const [name, one] of Object.entries(value))
        walk(one, path === '' ? name : `${path}.${name}`, format)
    else {
      const known = found.get(path) ?? { formats: new Set(), values: [] }
      found.set(path, known)
      known.formats.add(format)
      known.values.push(value)
    }
  }
  for (const [format, document] of documents()) {
    for (const [name, value] of Object.entries(document)) if (!NOT_OURS.has(name)) walk(value, name, format)
  }
  return [...found]
    .map(([name, { formats, values }]) => ({ name, formats, kind: kindOf(values) }))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
}

function* documents(): Generator<[format: string, document: Readonly<Record<string, Json>>]> {
  for (const name of readdirSync(FIXTURES, { recursive: true, encoding: 'utf8' })) {
    if (!name.endsWith('.json')) continue
    const made = JSON.parse(readFileSync(join(FIXTURES, name), 'utf8')) as (Record<string, Json> | null)[]
    for (const one of made) if (one !== null) yield [name.split('/')[0]!, one]
  }
}

function kindOf(values: readonly Json[]): string {
  if (values.every((value) => typeof value === 'boolean')) return 'boolean'
  if (values.every((value) => typeof value === 'number'))
    return values.every(Number.isSafeInteger) ? 'long' : 'double'
  const isTime = (value: Json): boolean => typeof value === 'string' && /^\d{4}-\d\d-\d\dT\d\d:/.test(value)
  return values.every(isTime) ? 'claimed_date' : 'keyword'
}

if (import.meta.main) {
  const fields = unmappedFields()
  for (const kind of new Set(fields.map((field) => field.kind))) {
    process.stdout.write(`\n${kind}:\n`)
    for (const { name, formats, kind: own } of fields)
      if (own === kind) process.stdout.write(`  - ${name} # ${[...formats].join(', ')}\n`)
  }
}
