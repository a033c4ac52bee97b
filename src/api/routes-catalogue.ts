import { FIELDS, fieldType } from '../core/fields.ts'
import { escapePattern } from '../core/kql/lexer.ts'
import { allOf } from '../core/kql/normal.ts'
import type { Query } from '../core/query.ts'
import { readParameters, required, wholeNumber } from './parameters.ts'
import { bounded, inTime, questionOf } from './question.ts'
import { countableField, json } from './routes-search.ts'
import type { Service } from './service.ts'

export async function fields(service: Service, request: Request): Promise<Response> {
  readParameters(request, [])
  const asking = bounded(service, request)
  const seen = new Map(
    (await inTime(service.store.fields(asking), asking)).map(({ name, type }) => [name, type]),
  )
  const known = FIELDS.map((field) => ({ ...field, seen: seen.has(field.name) }))
  const names = new Set(FIELDS.map(({ name }) => name))
  const others = [...seen].filter(([name]) => !names.has(name))
  const listed = [...known, ...others.map(([name, type]) => ({ name, type, description: '', seen: true }))]
  listed.sort((a, b) => (a.name < b.name ? -1 : 1))
  return json(JSON.stringify({ fields: listed }))
}

/** A list holds other values too than those that begin with the prefix, so more are asked for than are given. */
const ASKED = 1_000

export async function values(service: Service, request: Request): Promise<Response> {
  const given = readParameters(request, ['field', 'prefix', 'query', 'from', 'to', 'limit'])
  const field = countableField(required(given, 'field'))
  const prefix = given.get('prefix') ?? ''
  const limit = wholeNumber(given, 'limit', { min: 1, max: 100, fallback: 20 })
  const question = questionOf(service, request, given)
  const query = allOf([question.query, beginsWith(field, prefix)])
  const asked = { ...question.asking, ...question.range, query, field, limit: prefix === '' ? limit : ASKED }
  const answer = await inTime(service.store.top(asked), question.asking)
  const fitting = answer.values.filter(({ value }) => value.startsWith(prefix)).slice(0, limit)
  return json(JSON.stringify({ field, values: fitting }))
}

/** Wildcards are for texts; of numbers, addresses and dates the most frequent values are looked through. */
function beginsWith(field: string, prefix: string): Query {
  const type = fieldType(field)
  const isText = type === undefined || type === 'keyword'
  return prefix === '' || !isText
    ? { kind: 'exists', field }
    : { kind: 'wildcard', field, pattern: `${escapePattern(prefix)}*` }
}
