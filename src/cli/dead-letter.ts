import { Command } from 'commander'
import { openDataDirectory } from '../app/open-store.ts'
import { decodeRawBatch } from '../codec/raw-batch.ts'
import { DecklogError } from '../core/errors.ts'
import { zstdDecompressSync } from 'node:zlib'
import type { DeadLetter } from '../roles/index/dead-letters.ts'
import { type Client, connect } from './search/client.ts'
import { terminalLines, terminalText } from './search/terminal-text.ts'

interface Where {
  readonly url?: string
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
    .addCommand(where(new Command('list').description('all of them, grouped by cause')).action(list))
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
        .action(replay),
    )
    .addHelpText(
      'after',
      `
Examples:
  decklog dead-letter list
  decklog dead-letter show raw:5f0c…:1200:0
  decklog dead-letter replay --all          after the cause is mended

Exit status: 0 done, 1 some could not be replayed, 2 usage, 3 no decklog can be reached (replay needs a running one).`,
    )
}

function where(command: Command): Command {
  return command
    .option('--url <url>', 'a running decklog')
    .option('-d, --data <dir>', 'a data directory, when none runs')
    .option('--json', 'JSON')
}

async function list(options: Where): Promise<void> {
  await using client = await clientOf(options)
  const letters = await all(client)
  if (options.json) {
    for (const letter of letters) print(JSON.stringify(letter))
    return
  }
  if (letters.length === 0) print('no dead letters')
  for (const [cause, group] of Map.groupBy(letters, ({ body }) => `${body.reason}: ${body.detail}`)) {
    print(`${group.length} × ${terminalText(cause)}`)
    for (const { id, body, updatedMs } of group) {
      print(
        `  ${terminalText(id)}  ${body.class}  ${body.count} records  ${new Date(updatedMs).toISOString()}`,
      )
    }
  }
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

async function replay(ids: string[], options: Where & { readonly all?: boolean }): Promise<void> {
  if (ids.length === 0 && options.all !== true) throw new DecklogError('usage', 'name ids, or --all')
  await using client = await clientOf(options)
  if (!client.running) {
    throw new DecklogError(
      'unreachable',
      'replay needs a running decklog: start it, then call this again (--url for another address)',
    )
  }
  const chosen = options.all === true ? (await all(client)).map(({ id }) => id) : ids
  const answer = await client.ask(
    '/api/dead-letters/replay',
    {},
    {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ids: chosen }),
    },
  )
  const report = (await answer.json()) as { replayed: string[]; kept: { id: string; reason: string }[] }
  if (options.json) print(JSON.stringify(report))
  else print(`${report.replayed.length} replayed, ${report.kept.length} kept`)
  for (const { id, reason } of report.kept) process.stderr.write(`${terminalText(id)}: ${reason}\n`)
  if (report.kept.length > 0) process.exitCode = 1
}

function clientOf(options: Where): Promise<Client> {
  return connect({
    url: options.url,
    data: options.data,
    openStore: openDataDirectory,
    warn: (line) => process.stderr.write(`${line}\n`),
  })
}

async function all(client: Client): Promise<Kept[]> {
  const letters: Kept[] = []
  for (let cursor: string | undefined; ; ) {
    const answer = await client.ask('/api/dead-letters', { limit: 1_000, cursor })
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
