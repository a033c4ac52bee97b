import type { Difference } from '../../store/elasticsearch/manage/compare.ts'
import type { Change } from '../../store/elasticsearch/manage/installed.ts'
import {
  hasChanges,
  reasonToRollOver,
  type StorePlan,
  type StreamReport,
} from '../../store/elasticsearch/manage/plan.ts'
import type { ShardPlan } from '../../store/elasticsearch/manage/shards.ts'
import type { SetupReport } from '../setup.ts'

/** Lines of one difference at most; the rest is counted. `--json` has all. */
const LINES_MAX = 12

const NOUNS = {
  policy: 'lifecycle policy',
  component: 'component template',
  index: 'index template',
} as const

/** A plan as a person reads it: `+` is made, `~` is changed, `!` waits for somebody. What stays as it is is not listed. */
export function renderSetup(report: SetupReport, options: { readonly dryRun: boolean }): string[] {
  const { kafka, elasticsearch, problems, warnings, applied } = report
  return [
    ...(kafka === undefined ? [] : renderKafka(kafka)),
    ...(elasticsearch === undefined ? [] : renderStore(elasticsearch.plan, report)),
    ...warnings.map((one) => `warning: ${one}`),
    ...problems.map((one) => `problem: ${one}`),
    conclusionOf(report, { ...options, applied }),
  ]
}

/** Whether the plan changes anything at all. */
export function changesAnything({ kafka, elasticsearch }: SetupReport): boolean {
  return (
    (kafka?.plan.changes.length ?? 0) > 0 ||
    (elasticsearch !== undefined &&
      (hasChanges(elasticsearch.plan) || elasticsearch.streams.some((one) => one.rolledOver)))
  )
}

function conclusionOf(
  report: SetupReport,
  { dryRun, applied }: { dryRun: boolean; applied: boolean },
): string {
  if (report.kafka === undefined && report.elasticsearch === undefined)
    return 'nothing to set up: the bus in memory and the embedded store need nothing'
  if (report.problems.length > 0) return 'nothing was changed: mend the problems first'
  if (!changesAnything(report)) return 'nothing to do: all is as it should be'
  if (dryRun) return 'dry run: nothing was changed'
  return applied ? 'done' : 'nothing was changed'
}

function renderKafka({ topics, plan }: NonNullable<SetupReport['kafka']>): string[] {
  const partitions = topics.reduce((sum, one) => sum + one.partitions, 0)
  return [
    `Kafka: ${topics.length} topics, ${partitions} partitions`,
    ...plan.changes.map(({ topic, what, from, to }) =>
      what === 'create' ? `  + topic ${topic}: ${to}` : `  ~ topic ${topic}: ${what} ${from} → ${to}`,
    ),
    '',
  ]
}

function renderStore(plan: StorePlan, { applied, elasticsearch }: SetupReport): string[] {
  const { flavour, templates, missingIndices, streams, replicas } = plan
  return [
    `Elasticsearch: flavour ${flavour.name}, ${replicas} ${replicas === 1 ? 'replica' : 'replicas'}`,
    ...flavour.why.map((one) => `  ${one}`),
    ...templates.flatMap(renderChange),
    ...missingIndices.map(({ name }) => `  + index ${name}`),
    ...streams.flatMap(({ stream, additions, settings }) =>
      additions.length + settings.length === 0
        ? []
        : [`  ~ data stream ${stream}, in place`, ...renderDifferences([...additions, ...settings])],
    ),
    ...renderOutcomes(
      applied
        ? elasticsearch!.streams
        : streams.map((one) => ({ stream: one.stream, rolledOver: false, advice: reasonToRollOver(one) })),
    ),
    '',
    ...renderShards(plan.shards),
    '',
  ]
}

/** Data streams that wait for the same are one line. */
function renderOutcomes(outcomes: readonly StreamReport[]): string[] {
  const waiting = new Map<string, string[]>()
  for (const { stream, advice } of outcomes) {
    if (advice !== undefined) waiting.set(advice, [...(waiting.get(advice) ?? []), stream])
  }
  return [
    ...outcomes.filter((one) => one.rolledOver).map(({ stream }) => `  ~ data stream ${stream}: rolled over`),
    ...[...waiting].map(
      ([advice, [first, ...more]]) =>
        `  ! data stream ${first}${more.length === 0 ? ' needs' : ` and ${more.length} more need`} a new index: ${advice}; ` +
        'by itself at the next rollover, now with --roll-over',
    ),
  ]
}

function renderChange({ definition, action, differences }: Change): string[] {
  const what = `${NOUNS[definition.kind]} ${definition.name}`
  if (action === 'create') return [`  + ${what}`]
  if (action === 'update') return [`  ~ ${what}`, ...renderDifferences(differences)]
  return action === 'blocked' ? [`  ! ${what}`] : []
}

function renderDifferences(differences: readonly Difference[]): string[] {
  const lines = differences
    .slice(0, LINES_MAX)
    .map(({ path, before, after }) => `      ${path}: ${before ?? '(none)'} → ${after ?? '(none)'}`)
  const rest = differences.length - lines.length
  return rest === 0 ? lines : [...lines, `      and ${rest} more`]
}

function renderShards({ counts, wanted, capacity }: ShardPlan): string[] {
  const rows = [
    ['class', 'dataset', 'data streams', 'indices of each', 'shards'],
    ...counts.map((one) => [
      one.class,
      one.dataset,
      String(one.streams),
      `${one.indices}${one.keptForEver ? ' a year' : ''}`,
      String(one.shards),
    ]),
  ]
  const widths = [0, 1, 2, 3, 4].map((at) => Math.max(...rows.map((row) => row[at]!.length)))
  const { dataNodes, perNode, open } = capacity
  return [
    ...rows.map((row) => `  ${row.map((cell, at) => cell.padEnd(widths[at]!)).join('  ')}`.trimEnd()),
    `  ${wanted} shards at the end of each retention; ` +
      `Elasticsearch has ${open} of ${dataNodes * perNode} now`,
  ]
}
