import { Command } from 'commander'
import { causeOf } from '../app/status/dead-letter-causes.ts'
import { ageOf } from '../app/status/words.ts'
import { systemClock } from '../app/system-clock.ts'
import { openDataDirectory } from '../app/open-store.ts'
import { decodeRawBatch } from '../codec/raw-batch.ts'
import { loadConfig } from '../config/config.ts'
import { DecklogError } from '../core/errors.ts'
import { zstdDecompressSync } from 'node:zlib'
import type { ReplayReport } from '../api/service.ts'
import type { DeadLetter } from '../roles/index/dead-letters.ts'
import { addressOf, type Client, connect } from './search/client.ts'
import { terminalLines, terminalText } from './search/terminal-text.ts'

interface Where {
  readonly url?: string
  readonly config?: string
  readonly data?: string
  readonly json?: boolean
}

interface Kept {
  readonly id: string
  readonly updatedMs: number
  readonly body: DeadLetter
}

/** What was given up: batches that made their parser fail, events that the store refused. Nothing of it is lost. */
export function deadLetterCommand(): Command {
  return new Command('dead-letter')
    .description('what was given up, with its reason: list, show, replay')
    .addCommand(
      where(new Command('list').description('all of them, grouped by cause'))
        .option('--group', 'a line a cause, without the letters themselves')
        .option('--cause <text>', 'only those of a cause, as list prints it, or of a part of it')
        .action(list),
    )
    .addCommand(
      where(
        new Command('show').description('one of them with its bytes').argument('<id>', 'as list prints it'),
      ).action(show),
    )
    .addCommand(
      where(
        new Command('replay').description(
          'put them back on their way; what becomes an event leaves the list',
        ),
      )
        .argument('[id...]', 'as list prints them')
        .option('--all', 'all of them')
        .option('--cause <text>', 'those of a cause, as list prints it, or of a part of it')
        .action(replay),
    )
    .addHelpText(
      'after',
      `
Examples:
  decklog dead-letter list
  decklog dead-letter list --group --config decklog.yaml
  decklog dead-letter show raw:5f0c…:1200:0
  decklog dead-letter replay --cause 'rejected-by-store: failed to parse field'    after the cause is mended
  decklog dead-letter replay --all

What is replayed keeps its ids: what was stored meanwhile is not stored twice. Where roles run apart, the one to ask is serve:
with --config, the http.listen that stands there; with --url, another.

Exit status: 0 done, 1 some could not be replayed, 2 usage, 3 no decklog can be reached (replay needs a running one).`,
    )
}

function where(command: Command): Command {
  return command
    .option('--url <url>', 'a running decklog; where roles run apart, serve')
    .option('-c, --config <file>', 'configuration: asks at its http.listen')
    .option('-d, --data <dir>', 'a data directory, when none runs')
    .option('--json', 'JSON')
}

interface ListOptions extends Where {
  readonly group?: boolean
  readonly cause?: string
}

async function list(options: ListOptions): Promise<void> {
  await using client = await clientOf(options)
  const letters = await lettersOf(client, options.cause)
  if (options.json && !options.group) {
    for (const letter of letters) print(JSON.stringify(letter))
    return
  }
  if (letters.length === 0 && !options.json) print('no dead letters')
  for (const [cause, group] of [...Map.groupBy(letters, causeOf)].sort(
    ([, a], [, b]) => b.length - a.length,
  )) {
    printCause(cause, group, options.json === true)
    if (options.group) continue
    for (const { id, body, updatedMs } of group) {
      print(
        `  ${terminalText(id)}  ${body.class}  ${body.count} records  ${new Date(updatedMs).toISOString()}`,
      )
    }
  }
}

function printCause(cause: string, group: readonly Kept[], isJson: boolean): void {
  const records = group.reduce((sum, { body }) => sum + body.count, 0)
  const oldestMs = Math.min(...group.map(({ body }) => body.atMs))
  if (isJson) {
    const classes = [...new Set(group.map(({ body }) => body.class))].sort()
    return print(JSON.stringify({ cause, letters: group.length, records, classes, oldestMs }))
  }
  const age = ageOf(Math.max(0, systemClock.now() - oldestMs))
  print(`${group.length} × ${terminalText(cause)} (${records} records, oldest ${age} ago)`)
}

async function show(id: string, options: Where): Promise<void> {
  await using client = await clientOf(options)
  const letter = (await all(client)).find((one) => one.id === id)
  if (letter === undefined)
    throw new DecklogError('usage', `there is no dead letter ${id}; see decklog dead-letter list`)
  if (options.json) return print(JSON.stringify(letter))
  const { bytes, ...facts } = letter.body
  for (const [name, value] of Object.entries(facts)) print(`${name}: ${terminalText(String(value))}`)
  print('')
  process.stdout.write(`${terminalLines(textOf(letter.body, bytes))}\n`)
}

interface ReplayOptions extends Where {
  readonly all?: boolean
  readonly cause?: string
}

async function replay(ids: string[], options: ReplayOptions): Promise<void> {
  const ways = [ids.length > 0, options.all === true, options.cause !== undefined].filter(Boolean)
  if (ways.length !== 1) throw new DecklogError('usage', 'name ids, or --cause, or --all')
  await using client = await clientOf(options)
  if (!client.running) {
    throw new DecklogError(
      'unreachable',
      'replay needs a running decklog: start it, then call this again (--url for another address)',
    )
  }
  const chosen = ids.length > 0 ? ids : (await lettersOf(client, options.cause)).map(({ id }) => id)
  if (chosen.length === 0 && options.cause !== undefined) {
    const cause = JSON.stringify(options.cause)
    throw new DecklogError('usage', `no dead letter has the cause ${cause}; see decklog dead-letter list`)
  }
  const report = await replayed(client, chosen)
  if (options.json) print(JSON.stringify(report))
  else print(`${report.replayed.length} replayed, ${report.kept.length} kept`)
  for (const { id, reason } of report.kept) process.stderr.write(`${terminalText(id)}: ${reason}\n`)
  if (report.kept.length > 0) process.exitCode = 1
}

/** Ids that are asked for at a time: an answer must come before the next is due, and a request is bounded. */
const REPLAY_IDS_MAX = 500

async function replayed(client: Client, ids: readonly string[]): Promise<ReplayReport> {
  const replayed: string[] = []
  const kept: { id: string; reason: string }[] = []
  for (let at = 0; at < ids.length; at += REPLAY_IDS_MAX) {
    const body = JSON.stringify({ ids: ids.slice(at, at + REPLAY_IDS_MAX) })
    const headers = { 'content-type': 'application/json' }
    const answer = await client.ask('/api/dead-letters/replay', {}, { method: 'POST', headers, body })
    const part = (await answer.json()) as ReplayReport
    replayed.push(...part.replayed)
    kept.push(...part.kept)
  }
  return { replayed, kept }
}

function clientOf(options: Where): Promise<Client> {
  const { url, config } = options
  return connect({
    url: url ?? (config === undefined ? undefined : addressOf(loadConfig(config))),
    data: options.data,
    openStore: openDataDirectory,
    warn: (line) => process.stderr.write(`${line}\n`),
  })
}

async function lettersOf(client: Client, cause: string | undefined): Promise<Kept[]> {
  const letters = await all(client)
  return cause === undefined ? letters : letters.filter((one) => causeOf(one).includes(cause))
}

/** Each may hold a quarter of a MB. */
const PAGE = 100

async function all(client: Client): Promise<Kept[]> {
  const letters: Kept[] = []
  for (let cursor: string | undefined; ; ) {
    const answer = await client.ask('/api/dead-letters', { limit: PAGE, cursor })
    const page = (await answer.json()) as { records: Kept[]; cursor?: string }
    letters.push(...page.records)
    if (page.cursor === undefined) return letters
    cursor = page.cursor
  }
}

/** The records of a raw batch, else whatever the bytes are. */
function textOf(letter: DeadLetter, bytes: string): string {
  const value = Buffer.from(bytes, 'base64')
  if (letter.kind !== 'raw') return value.toString('utf8')
  const batch = decodeRawBatch(value)
  return Buffer.from(batch.codec === 'zstd' ? zstdDecompressSync(batch.payload) : batch.payload).toString(
    'utf8',
  )
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}
