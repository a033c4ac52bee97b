import type { Json, JsonObject } from '../../core/document.ts'
import { RuleError } from './problem.ts'
import type { RuleSample } from './rule.ts'

/**
 * The `tests:` of a rule, a key of our own beside Sigma's:
 * ```yaml
 * tests:
 *   match:
 *     - { name: what it shows, as: syslog, record: 'the raw line' }
 *   ignore:
 *     - { name: why not, document: { event: { action: … } } }
 * ```
 * `as` names the format of the raw record; `names` says what the shipper knows of the source.
 */
export function readSamples(
  tests: Json | undefined,
  lineOf: (path: (string | number)[]) => number,
): RuleSample[] {
  if (tests === undefined) return []
  if (!isObject(tests))
    throw new RuleError('"tests:" must be a map', 'write "match:" and "ignore:" below it', ['tests'])
  const samples: RuleSample[] = []
  for (const [kind, list] of Object.entries(tests)) {
    if (kind !== 'match' && kind !== 'ignore') {
      throw new RuleError(`unknown key "${kind}"`, 'write "match:" or "ignore:"', ['tests', kind])
    }
    if (!Array.isArray(list))
      throw new RuleError(`"${kind}:" must be a list`, 'begin each sample with "-"', ['tests', kind])
    for (const [index, sample] of list.entries()) {
      const place = { path: ['tests', kind, index], line: lineOf([kind, index]) }
      samples.push(readSample(sample, kind === 'match', place))
    }
  }
  return samples
}

const KEYS = ['name', 'as', 'record', 'document', 'names']

function readSample(
  sample: Json,
  expected: boolean,
  place: { path: (string | number)[]; line: number },
): RuleSample {
  const fail = (message: string, advice: string): never => {
    throw new RuleError(message, advice, place.path)
  }
  if (!isObject(sample)) return fail('a sample must be a map', 'write name, as and record')
  const unknown = Object.keys(sample).find((key) => !KEYS.includes(key))
  if (unknown !== undefined) return fail(`unknown key "${unknown}"`, `write one of: ${KEYS.join(', ')}`)
  const { name, as, record, document, names } = sample
  if (typeof name !== 'string') return fail('a sample needs a name', 'say what it shows: "name: …"')
  if (document === undefined && (typeof as !== 'string' || typeof record !== 'string')) {
    return fail('a sample needs a record', 'write "as: syslog" and "record: …", or "document: …"')
  }
  if (document !== undefined && (record !== undefined || !isObject(document))) {
    return fail('a sample is a record or a document', 'keep one of them')
  }
  return {
    expected,
    name,
    line: place.line,
    as: typeof as === 'string' ? as : undefined,
    record: typeof record === 'string' ? record : undefined,
    document: isObject(document) ? document : undefined,
    names: Object.fromEntries(
      Object.entries(isObject(names) ? names : {}).map(([key, value]) => [
        key,
        typeof value === 'string' ? value : JSON.stringify(value),
      ]),
    ),
  }
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
