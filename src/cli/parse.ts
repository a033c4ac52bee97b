import { Command } from 'commander'
import { newTally, type ParsedDocument, type ParseTally, parseFiles } from '../app/parse-files.ts'
import { PIPELINES_DIRECTORY } from '../app/places.ts'
import { loadPipelines } from '../config/pipelines.ts'
import { DecklogError } from '../core/errors.ts'
import { Output } from './search/output.ts'

interface ParseOptions {
  readonly as: string[]
  readonly stats?: boolean
  readonly pipelines?: string
  readonly now?: string
}

export function parseCommand(): Command {
  return command('parse', 'raw records in, ECS documents out, one JSON a line', false).addHelpText(
    'after',
    `
Examples:
  decklog parse --as syslog /var/log/auth.log
  decklog parse --as cri --stats /var/log/pods/*/*/*.log > events.ndjson
  kubectl logs -n kube-system etcd-0 | decklog parse --as text

Without a file it reads standard input. Nothing that it reads makes it fail: what is not of the format stays text, tagged parse-failed.`,
  )
}

export function replayCommand(): Command {
  return command(
    'replay',
    'the same through enrichment and rules: one JSON a line with "kind"',
    true,
  ).addHelpText(
    'after',
    `
Examples:
  decklog replay --as kube-audit audit.log | jq 'select(.kind == "signal")'
  decklog replay --as syslog auth.log --as kube-audit audit.log

--as applies to the files that follow it. "kind" is event or signal (an event that a rule tagged).`,
  )
}

function command(name: string, description: string, rules: boolean): Command {
  return new Command(name)
    .description(description)
    .argument('[file...]', 'files to read; none or -: standard input')
    .requiredOption(
      '--as <format>',
      'format of the files that follow',
      (format: string, all: string[] | undefined) => [...(all ?? []), format],
    )
    .option('--stats', 'print on stderr what was read and made')
    .option('--pipelines <dir>', 'pipelines to use')
    .option(
      '--now <time>',
      'time of the reading, for stamps without a year (default: the file was last changed)',
    )
    .action(async (files: string[], options: ParseOptions) => {
      const groups = groupsOf(process.argv.slice(3), files, options.as)
      const pipelines = loadPipelines(options.pipelines ?? PIPELINES_DIRECTORY)
      const nowMs = timeOf(options.now)
      const now = nowMs === undefined ? {} : { nowMs }
      const account = options.stats === true
      const output = new Output(process.stdout)
      const tally = newTally()
      for (const { format, paths } of groups) {
        for await (const documents of parseFiles(
          { format, paths, pipelines, rules, account, ...now },
          tally,
        )) {
          await output.write(linesOf(documents, rules))
          if (output.gone.aborted) return
        }
      }
      await output.end()
      if (tally.losses.length > 0) process.stderr.write(`${lossesOf(tally.losses)}\n`)
      if (options.stats) process.stderr.write(`${statsOf(tally, rules)}\n`)
    })
}

/** Which files go with which --as: the last one before them. */
function groupsOf(
  argv: readonly string[],
  files: readonly string[],
  formats: readonly string[],
): { format: string; paths: string[] }[] {
  if (formats.length === 1) return [{ format: formats[0]!, paths: files.length === 0 ? ['-'] : [...files] }]
  const groups: { format: string; paths: string[] }[] = []
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i]!
    if (word === '--as') groups.push({ format: argv[++i]!, paths: [] })
    else if (word.startsWith('--as=')) groups.push({ format: word.slice(5), paths: [] })
    else if (files.includes(word)) groups.at(-1)?.paths.push(word)
  }
  const empty = groups.find((group) => group.paths.length === 0)
  if (empty)
    throw new DecklogError(
      'usage',
      `no file follows --as ${empty.format}; write --as FORMAT before the files it is for`,
    )
  return groups
}

function linesOf(documents: readonly ParsedDocument[], kinds: boolean): string {
  return documents
    .map(({ json, isSignal }) =>
      kinds ? `{"kind":"${isSignal ? 'signal' : 'event'}",${json.slice(1)}\n` : `${json}\n`,
    )
    .join('')
}

const LOSSES_SHOWN_MAX = 10

/** What the records say is missing, as a gap in their own numbers. */
function lossesOf(losses: readonly string[]): string {
  const rest = losses.length - LOSSES_SHOWN_MAX
  const shown = losses.slice(0, LOSSES_SHOWN_MAX).join('; ')
  return `declared losses ${losses.length}: ${shown}${rest > 0 ? `; and ${rest} more` : ''}`
}

function statsOf(tally: ParseTally, rules: boolean): string {
  const { records, bytes, events, joined, failed, skipped, covered, signals, accounted, accountedBytes } =
    tally
  const isWhole = accounted === records && accountedBytes === bytes
  const account = isWhole
    ? `all ${accounted} records (${accountedBytes} bytes) accounted for`
    : `only ${accounted} records (${accountedBytes} bytes) accounted for: please report this`
  const text = `records in ${records} (${bytes} bytes), events out ${events}, joined ${joined}, empty ${skipped}, covered without an event ${covered}, failed ${failed}; ${account}`
  return rules ? `${text}; signals ${signals}` : text
}

function timeOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const ms = Date.parse(text)
  if (Number.isNaN(ms))
    throw new DecklogError('usage', `--now ${text} is no time; write it like 2026-11-24T08:00:00Z`)
  return ms
}
