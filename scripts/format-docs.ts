import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Draft } from '../src/core/document.ts'
import { formatIso } from '../src/core/instant.ts'
import { formats } from '../src/parsers/registry.ts'
import type { FormatDefinition } from '../src/ports/format.ts'

/**
 * Writes `docs/formats/`: one page a format, from its definition, its example and its fixtures, and an index. Run it after a
 * change: `node scripts/format-docs.ts`. A test fails when the pages differ from what this gives.
 */

const ROOT = join(import.meta.dirname, '..')
const PAGES = join(ROOT, 'docs', 'formats')

/** Name of the file in `docs/formats` → its text. */
export function formatPages(): ReadonlyMap<string, string> {
  const pages = [...formats.values()].map((format) => [`${format.name}.md`, pageOf(format)] as const)
  return new Map([...pages, ['README.md', indexPage()]])
}

function pageOf(format: FormatDefinition): string {
  const facts = [
    ['name', `\`${format.name}\`, version ${format.version}`],
    [
      'reads',
      format.kind === 'record' ? 'whole records' : 'the message that `syslog` or another format left',
    ],
    ['dataset', `\`${format.dataset}\``],
    ['defined by', format.definedBy],
  ]
  return [
    `# ${format.title}`,
    table(
      ['', ''],
      facts.map(([name, value]) => [`**${name}**`, value!]),
    ),
    ...(format.remarks ?? []),
    '## Example',
    code('text', format.example),
    code('json', exampleDocument(format)),
    ...actionsOf(format),
    '## Fields',
    'As found in the documents of `test/fixtures/formats/' + format.name + '`.',
    table(['field', 'for example'], fieldsOf(format.name)),
    '',
  ].join('\n\n')
}

function exampleDocument(format: FormatDefinition): string {
  const draft: Draft = {
    fields: {},
    message: format.example,
    timeNs: undefined,
    quality: [],
    original: undefined,
  }
  const context = {
    provenance: { cluster: '', node: '', kind: 'file', format: format.name, names: {} },
    batchTimeMs: Date.UTC(2026, 10, 24, 12),
    utcOffsetMinutes: 0,
  }
  if (!format.parse(format.example, draft, context))
    throw new Error(`${format.name} does not read its own example`)
  const time = draft.timeNs === undefined ? {} : { '@timestamp': formatIso(draft.timeNs) }
  return JSON.stringify({ ...time, message: draft.message, ...draft.fields }, null, 2)
}

function actionsOf(format: FormatDefinition): string[] {
  if (format.actions === undefined) return []
  const rows = Object.entries(format.actions).map(([name, meaning]) => [`\`${name}\``, meaning])
  return ['## `event.action`', table(['value', 'meaning'], rows)]
}

type Value = null | boolean | number | string | Value[] | { [key: string]: Value }

/** Every field of the fixtures' documents with the first value that was met. Below free-form objects nothing is listed. */
function fieldsOf(name: string): string[][] {
  const folder = join(ROOT, 'test', 'fixtures', 'formats', name)
  const found = new Map<string, Value>()
  for (const file of readdirSync(folder)
    .filter((entry) => entry.endsWith('.json'))
    .sort()) {
    const documents = JSON.parse(readFileSync(join(folder, file), 'utf8')) as Value[]
    for (const document of documents) collect(document, '', found)
  }
  return [...found]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([field, value]) => [`\`${field}\``, `\`${shown(value)}\``])
}

const FREE_FORM = ['annotations', 'extra', 'labels', 'requestObject', 'responseObject', 'structured_data']
const NO_FIELDS = ['quality', 'original']

function collect(value: Value, path: string, found: Map<string, Value>): void {
  if (value === null) return
  const inside =
    typeof value === 'object' && !Array.isArray(value) && !FREE_FORM.some((name) => path.endsWith(`.${name}`))
  if (!inside) {
    if (!NO_FIELDS.includes(path) && !found.has(path)) found.set(path, value)
    return
  }
  for (const [name, part] of Object.entries(value))
    collect(part, path === '' ? name : `${path}.${name}`, found)
}

const SHOWN_LENGTH_MAX = 60

function shown(value: Value): string {
  const text = (typeof value === 'string' ? value : JSON.stringify(value)).replace(/[`|\n]/g, ' ')
  return text.length > SHOWN_LENGTH_MAX ? `${text.slice(0, SHOWN_LENGTH_MAX)}…` : text
}

function indexPage(): string {
  const rows = [...formats.values()].map(({ name, title, kind, dataset }) => [
    `[${name}](${name}.md)`,
    title,
    kind,
    `\`${dataset}\``,
  ])
  return [
    '# Log formats',
    'Each is one file in `src/parsers/` and one line of its registry; these pages are made from them by `scripts/format-docs.ts`. A pipeline names them under `parse:`, `decklog parse --as` under the same names. A `record` format reads whole records, a `payload` format the message that another one left.',
    table(['name', 'what it is', 'reads', 'dataset'], rows),
    '`cri` and `json`, for containers, are read byte by byte and have a page of their own: [container logs](../container-logs.md).',
    '',
  ].join('\n\n')
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}

function code(language: string, text: string): string {
  return `\`\`\`${language}\n${text}\n\`\`\``
}

if (import.meta.main) {
  mkdirSync(PAGES, { recursive: true })
  for (const [name, text] of formatPages()) writeFileSync(join(PAGES, name), text)
  process.stderr.write(`wrote ${formatPages().size} pages to docs/formats\n`)
}
