import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Measurement, shown, type Subject, targetText, verdictOf } from './measurement.ts'

/** Where and when a subject was measured. */
export interface Taken {
  /** Position on the page. */
  readonly order: number
  /** `npm run bench -- <name>` measures it again. */
  readonly name: string
  readonly date: string
  readonly node: string
  readonly machine: string
}

export type Result = Subject & { readonly taken: Taken }

export function readResults(directory: string): Result[] {
  return readdirSync(directory)
    .filter((name) => name.endsWith('.json'))
    .map((name) => JSON.parse(readFileSync(join(directory, name), 'utf8')) as Result)
    .toSorted((a, b) => a.taken.order - b.taken.order)
}

/** `docs/measurements.md`, whole: nothing on it is written by hand. */
export function pageOf(results: readonly Result[]): string {
  const promised = results
    .flatMap(({ measurements }) => measurements)
    .filter(({ target }) => target !== undefined)
  const held = promised.filter((one) => verdictOf(one) === 'holds').length
  return `${[
    HEAD,
    `**${held} of ${promised.length} targets hold.** A target that does not hold is said so here, and stays until it does.`,
    ...results.map(sectionOf),
  ].join('\n\n')}\n`
}

const HEAD = `<!-- Made by benchmarks/run.ts from benchmarks/results/. Do not edit: npm run bench -->

# Measurements

What decklog does, measured beside what the same work costs at least and beside what another program does with the same input, in the
same run on the same machine. Times vary by 10-40 % from run to run on a shared machine; what stands in one row was measured together,
so the ratio is worth more than the figure. Each table says where and when. \`npm run bench\` measures everything anew and writes this
page, \`npm run bench -- search\` one part of it.`

function sectionOf({ subject, about, notes = [], measurements, taken }: Result): string {
  return [
    `## ${subject}`,
    about,
    [
      '| what | measured | target | | beside it | ratio |',
      '|---|---:|---:|---|---|---|',
      ...measurements.map(rowOf),
    ].join('\n'),
    [
      ...notes.map((note) => `- ${note}`),
      `- ${taken.date}, Node ${taken.node}, ${taken.machine}: \`npm run bench -- ${taken.name}\``,
    ].join('\n'),
  ].join('\n\n')
}

function rowOf(one: Measurement): string {
  const beside = one.beside ?? []
  const cells = [
    one.name,
    `${shown(one.value)} ${one.unit}`.trim(),
    targetText(one),
    verdictOf(one) === 'does not hold' ? '**does not hold**' : verdictOf(one),
    beside.map(({ name, value }) => `${name}: ${shown(value)}`).join('<br>'),
    beside.map(({ value }) => (value > 0 ? `× ${shown(one.value / value)}` : '')).join('<br>'),
  ]
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
}
