import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Draft, JsonObject } from '../../src/core/document.ts'
import { formatIso } from '../../src/core/instant.ts'
import { formats } from '../../src/parsers/registry.ts'
import type { FormatContext, FormatDefinition } from '../../src/ports/format.ts'

export const FIXTURES = join(import.meta.dirname, '..', 'fixtures', 'formats')

export const NOON = Date.parse('2026-11-24T12:00:00Z')

export function contextOf(options: { batchTime?: string; utcOffsetMinutes?: number } = {}): FormatContext {
  return {
    provenance: {
      cluster: 'test',
      node: 'worker-3',
      kind: 'file',
      format: 'test',
      names: { path: '/var/log/test' },
    },
    batchTimeMs: options.batchTime === undefined ? NOON : Date.parse(options.batchTime),
    utcOffsetMinutes: options.utcOffsetMinutes ?? 0,
  }
}

export function newDraft(message = ''): Draft {
  return { fields: {}, message, timeNs: undefined, quality: [], original: undefined }
}

export function formatOf(name: string): FormatDefinition {
  const format = formats.get(name)
  if (format === undefined) throw new Error(`no format ${name}`)
  return format
}

/** A draft that `name` has read alone; undefined when it did not take the text. */
export function parseAs(name: string, text: string, context = contextOf()): Draft | undefined {
  const draft = newDraft(text)
  return formatOf(name).parse(text, draft, context) ? draft : undefined
}

/** As a pipeline does: a payload format gets what `syslog` has left of a whole line, and the line where it has no such header. */
export function parseLine(format: FormatDefinition, line: string, context = contextOf()): Draft | undefined {
  return parseEvents(format, line, context)?.[0]
}

/** Every event of a line, the first one first. */
export function parseEvents(
  format: FormatDefinition,
  line: string,
  context = contextOf(),
): readonly Draft[] | undefined {
  const draft = newDraft(line)
  const others: Draft[] = []
  if (format.kind === 'payload') formatOf('syslog').parse(line, draft, context)
  return format.parse(draft.message, draft, context, others) ? [draft, ...others] : undefined
}

/** A message of sshd, sudo, … with the header that names its writer. */
export function parseMessage(name: string, message: string, tag = name): Draft | undefined {
  return parseLine(formatOf(name), `Nov 24 08:00:00 worker-3 ${tag}[4711]: ${message}`)
}

/** One value of a document by its dotted name. */
export function at(draft: Draft | undefined, path: string): unknown {
  let value: unknown = draft?.fields
  for (const name of path.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined
    value = (value as JsonObject)[name]
  }
  return value
}

export interface FixtureFile {
  readonly format: FormatDefinition
  readonly name: string
  readonly lines: readonly string[]
  readonly expected: string
}

export function fixtureFiles(): FixtureFile[] {
  return [...formats.values()].flatMap((format) => {
    const folder = join(FIXTURES, format.name)
    // A format without fixtures fails a test of its own, not those of all others.
    return (existsSync(folder) ? readdirSync(folder) : [])
      .filter((file) => file.endsWith('.log'))
      .sort()
      .map((file) => ({
        format,
        name: `${format.name}/${file}`,
        lines: readFileSync(join(folder, file), 'utf8')
          .split('\n')
          .filter((line) => line !== ''),
        expected: join(folder, file.replace(/\.log$/, '.json')),
      }))
  })
}

/** One document a line, so that a change shows where it is. `null`: the format does not take the line. */
export function renderDocuments(file: FixtureFile): string {
  const documents = file.lines.flatMap((line) => {
    const drafts = parseEvents(file.format, line)
    return drafts === undefined ? ['null'] : drafts.map((draft) => renderDraft(draft, line))
  })
  return `[\n${documents.join(',\n')}\n]\n`
}

function renderDraft({ timeNs, message, fields, quality, original }: Draft, line: string): string {
  return JSON.stringify({
    '@timestamp': timeNs === undefined ? null : formatIso(timeNs),
    message,
    ...fields,
    quality,
    // Where the whole line is kept, saying so is enough.
    original: original === line ? true : original,
  })
}
