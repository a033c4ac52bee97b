import { DecklogError } from '../../../core/errors.ts'
import type { Mapping } from './mapping.ts'

/** What values of a field are read as. */
export type ViewType = 'keyword' | 'double' | 'ip' | 'date'

/**
 * Views of fields that are read from the documents while a query runs: runtime fields without a script, which every
 * Elasticsearch 8 and 9 has. The name of such a field is the path of its values; dots at its end are no part of the path, so
 * they make names that are free: `user.name.` is the text of `user.name`, whatever `user.name` is mapped as, and
 * `user.name..` the same as a number.
 */
export class Views {
  readonly mappings: Record<string, { readonly type: ViewType }> = {}

  /** @throws {DecklogError} `query-invalid` when no view can have this name */
  of(field: string, type: ViewType): string {
    if (field.includes('*') || field.split('.').includes('')) {
      throw new DecklogError(
        'query-invalid',
        `${JSON.stringify(field)} cannot be asked for in Elasticsearch: the parts of a name between dots may not be empty or hold a star`,
      )
    }
    const name = `${field}${'.'.repeat(DOTS[type])}`
    this.mappings[name] = { type }
    return name
  }
}

const DOTS: Readonly<Record<ViewType, number>> = { keyword: 1, double: 2, ip: 3, date: 4 }

/**
 * A number as Java writes it, where that differs from its JSON text: numbers with a point or an exponent pass through a double
 * when a document is read. Undefined when it is the same.
 */
export function javaText(value: string): string | undefined {
  const number = Number(value)
  if (value === '' || String(number) !== value || !Number.isFinite(number)) return undefined
  if (Number.isInteger(number) && !value.includes('e')) return undefined
  const size = Math.abs(number)
  if (size >= 1e-3 && size < 1e7) return undefined
  const [digits, exponent] = number.toExponential().split('e') as [string, string]
  return `${digits.includes('.') ? digits : `${digits}.0`}E${Number(exponent)}`
}

/** What a part of a query is compiled with. */
export interface Fields {
  readonly mapping: Mapping
  readonly views: Views
}
