import { columnsOf, cutToColumns } from '../../core/text-width.ts'
import type { StatusReport, StepStatus } from './report.ts'
import { ageOf, countOf, counted, sizeOf } from './words.ts'

export interface RenderOptions {
  readonly columns: number
  /** Makes text safe for a terminal. */
  readonly plain: (text: string) => string
}

/** Nodes that are listed; more are counted. */
const NODES_MAX = 8
const CAUSES_MAX = 10

/** One screen. */
export function renderStatus(report: StatusReport, options: RenderOptions): string[] {
  const { atMs, cluster, place, steps, store, nodes, problems, unreachable } = report
  const lines = [
    `decklog ${cluster}: ${place}`,
    `at ${new Date(atMs).toISOString()}`,
    ...(steps.length === 0 ? [] : ['', ...table(stepRows(steps))]),
    ...(nodes.length === 0 ? [] : ['', ...nodeLines(report)]),
    ...(store.length === 0 ? [] : ['', ...table(storeRows(report))]),
    ...letterLines(report),
    '',
    ...verdict(problems, unreachable),
  ]
  return lines.map((line) => fitted(options.plain(line), line, options.columns))
}

/** What is wrong is never cut. */
function fitted(text: string, original: string, columns: number): string {
  if (original.startsWith('! ') || columnsOf(text) <= columns) return text
  return `${cutToColumns(text, columns - 1)}…`
}

function stepRows(steps: readonly StepStatus[]): string[][] {
  const hasRates = steps.some(({ rate }) => rate !== undefined)
  const rows = steps
    .filter(({ state }) => state !== 'idle')
    .map(({ role, class: className, state, members, partitions, lag, retentionMs, rate }) => [
      role,
      className,
      state === 'stable' || state === 'here' ? `${members.length}` : `${members.length} (${state})`,
      state === 'here' ? '' : `${members.reduce((sum, one) => sum + one.partitions, 0)}/${partitions}`,
      countOf(lag.messages),
      lag.bytes === undefined ? '' : sizeOf(lag.bytes),
      lag.messages === 0 ? '' : ageOf(lag.oldestMs),
      retentionMs === undefined ? '' : ageOf(retentionMs),
      ...(hasRates ? [rate === undefined ? '' : perSecond(rate.in), rate ? perSecond(rate.out) : ''] : []),
      hostsOf(members),
    ])
  const heading = ['ROLE', 'CLASS', 'RUNNING', 'PARTITIONS', 'WAITING', 'BYTES', 'OLDEST', 'KEPT']
  return withoutEmptyColumns([[...heading, ...(hasRates ? ['IN/S', 'OUT/S'] : []), 'ON'], ...rows])
}

function hostsOf(members: StepStatus['members']): string {
  return [...Map.groupBy(members, ({ host }) => host)]
    .map(([host, own]) => (own.length === 1 ? host : `${host} ×${own.length}`))
    .join(' ')
}

function nodeLines({ nodes, atMs }: StatusReport): string[] {
  const shown = nodes.slice(0, NODES_MAX)
  const list = shown
    .map(({ node, newestMs }) => `${node} (${ageOf(Math.max(0, atMs - newestMs))} ago)`)
    .join(', ')
  const rest =
    nodes.length > shown.length ? `, and ${countOf(nodes.length - shown.length)} heard of later` : ''
  return [`ship: ${counted(nodes.length, 'node')} heard of, longest silent first: ${list}${rest}`]
}

function storeRows({ store, atMs }: StatusReport): string[][] {
  return [
    ['STORED', 'EVENTS', 'SIZE', 'OLDEST', 'EVENTS/S'],
    ...store.map((one) => [
      one.class,
      countOf(one.events),
      sizeOf(one.bytes),
      one.events === 0 ? '' : ageOf(Math.max(0, atMs - one.oldestMs)),
      perSecond(one.rate),
    ]),
  ]
}

function letterLines({ deadLetters, deadLettersMore, atMs }: StatusReport): string[] {
  if (deadLetters.length === 0) return []
  const rows = deadLetters
    .slice(0, CAUSES_MAX)
    .map((one) => [
      `${countOf(one.count)}${deadLettersMore ? '+' : ''}`,
      one.classes.join(' '),
      ageOf(Math.max(0, atMs - one.oldestMs)),
      ageOf(Math.max(0, atMs - one.newestMs)),
      one.cause,
    ])
  const rest = deadLetters.length - rows.length
  return [
    '',
    ...table([['DEAD LETTERS', 'CLASS', 'OLDEST', 'NEWEST', 'CAUSE'], ...rows]),
    ...(rest > 0 ? [`and ${counted(rest, 'more cause')}`] : []),
  ]
}

function verdict(problems: readonly string[], unreachable: readonly string[]): string[] {
  if (problems.length + unreachable.length === 0) return ['all is well']
  return [...unreachable, ...problems].map((sentence) => `! ${sentence}`)
}

function perSecond(rate: number): string {
  return rate < 10 ? String(Math.round(rate * 10) / 10) : countOf(rate)
}

function withoutEmptyColumns(rows: readonly (readonly string[])[]): string[][] {
  const kept = rows[0]!.map((_, at) => at < 2 || rows.slice(1).some((row) => row[at] !== ''))
  return rows.map((row) => row.filter((_, at) => kept[at]))
}

/** Numbers to the right, words to the left. */
function table(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, at) => Math.max(...rows.map((row) => columnsOf(row[at] ?? ''))))
  const isNumeric = rows[0]!.map((_, at) =>
    rows
      .slice(1)
      .every((row) => /^([\d.,+]+|[\d.,]+ (d|h|min|s|B|kB|MB|GB|TB)|\d+\/\d+|)$/.test(row[at] ?? '')),
  )
  return rows.map((row) =>
    row
      .map((cell, at) => {
        const fill = ' '.repeat(widths[at]! - columnsOf(cell))
        return isNumeric[at] ? fill + cell : cell + fill
      })
      .join('  ')
      .trimEnd(),
  )
}
