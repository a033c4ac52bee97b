import { Command, InvalidArgumentError, Option } from 'commander'
import { systemClock } from '../app/system-clock.ts'
import type { JsonObject } from '../core/document.ts'
import { parseKql } from '../core/kql.ts'
import { DecklogError } from '../core/errors.ts'
import type { Store } from '../ports/store.ts'
import { type Client, connect, DEFAULT_DATA, DEFAULT_URL, type OpenStore } from './search/client.ts'
import { blocksOf, follow } from './search/follow.ts'
import { Output, type Terminal } from './search/output.ts'
import { tableHead, type TableOptions, tableRow } from './search/table.ts'
import { terminalJson, terminalLines, terminalText } from './search/terminal-text.ts'

export interface SearchEnvironment {
  /** Opens a data directory when no decklog runs; default: the embedded store. */
  readonly openStore?: OpenStore
  readonly stdout?: Terminal
  readonly stderr?: Terminal
  /** Ends `--follow`; default: SIGINT and SIGTERM. */
  readonly signal?: AbortSignal
}

interface Flags {
  readonly from?: string
  readonly to?: string
  readonly limit: number
  readonly order: 'newest' | 'oldest'
  readonly count?: boolean
  readonly follow?: boolean
  readonly context?: string
  readonly before?: number
  readonly after?: number
  readonly format?: 'ndjson' | 'table' | 'csv'
  readonly url?: string
  readonly data?: string
}

const EXAMPLES = `
QUERY is KQL, as in Kibana; without it everything is found. Put it in single quotes, so that the shell leaves it alone.

Examples:
  decklog search 'failed password'                               events whose message has one of the words
  decklog search '"failed password" and source.ip: 10.0.0.0/8'   a phrase, from a network
  decklog search 'user.name: root and not event.outcome: success' --from now-1h
  decklog search 'kubernetes.audit.verb: (create or delete)' --from 2026-11-24 --to 2026-11-25 --count
  decklog search 'event.dataset: system.auth' --limit 0 --format csv > auth.csv
  decklog search 'process.name: sudo' --follow
  decklog search --context 0123456789abcdef01234567:42 --before 20 --after 20

Times: 2026-11-24, 2026-11-24T10:00:00Z, milliseconds since the epoch, now, now-15m, now-1d/d. Without a zone UTC.

Exit status: 0 answered (also when nothing was found), 2 wrong usage or query, 3 no decklog can be reached.`

export function searchCommand(environment: SearchEnvironment = {}): Command {
  return new Command('search')
    .description('finds events: asks the running decklog, or reads the data directory when none runs')
    .argument('[query...]', 'what to find, in KQL')
    .option('--from <time>', 'from this time on, e.g. now-15m')
    .option('--to <time>', 'up to this time, itself excluded')
    .option('-n, --limit <n>', 'events at most; 0 or "all" for all', limitOf, 50)
    .addOption(new Option('--order <order>', 'which first').choices(['newest', 'oldest']).default('newest'))
    .option('--count', 'only how many there are, exactly')
    .option('-f, --follow', 'what arrives from now on, until Ctrl-C')
    .option('--context <id>', 'events around this one, in its stream')
    .option('--before <n>', 'with --context: how many before (default: 10)', wholeNumber)
    .option('--after <n>', 'with --context: how many after (default: 10)', wholeNumber)
    .addOption(
      new Option('--format <format>', 'default: table on a terminal, ndjson in a pipe').choices([
        'ndjson',
        'table',
        'csv',
      ]),
    )
    .option('--url <url>', `the decklog to ask (default: ${DEFAULT_URL})`)
    .option('-d, --data <dir>', `read this data directory (default: ${DEFAULT_DATA}, when no decklog runs)`)
    .addHelpText('after', EXAMPLES)
    .action(async (words: readonly string[], flags: Flags) => {
      await new Search(environment, flags).run(words.join(' '))
    })
}

class Search {
  readonly #flags: Flags
  readonly #environment: SearchEnvironment
  readonly #out: Output
  readonly #format: 'ndjson' | 'table' | 'csv'

  constructor(environment: SearchEnvironment, flags: Flags) {
    this.#environment = environment
    this.#flags = flags
    this.#out = new Output(environment.stdout ?? process.stdout)
    this.#format = flags.format ?? (this.#out.isTerminal ? 'table' : 'ndjson')
  }

  async run(query: string): Promise<void> {
    refuseContradictions(this.#flags, query)
    // A wrong query is said whether or not a decklog runs.
    parseKql(query, { nowMs: systemClock.now() })
    try {
      await using client = await connect({
        url: this.#flags.url,
        data: this.#flags.data,
        openStore: this.#environment.openStore ?? openEmbedded,
        warn: (line) => this.#warn(line),
      })
      await this.#answer(client, query)
    } catch (error) {
      // The reader of our output has gone: nobody is left to be told anything.
      if (!this.#out.gone.aborted) throw error
    } finally {
      await this.#out.end()
    }
  }

  async #answer(client: Client, query: string): Promise<void> {
    if (this.#flags.follow) await this.#follow(client, query)
    else if (this.#flags.context !== undefined) await this.#context(client, this.#flags.context)
    else if (this.#flags.count) await this.#count(client, query)
    else await this.#search(client, query)
  }

  async #search(client: Client, query: string): Promise<void> {
    const { limit, order } = this.#flags
    const asked = this.#question(query)
    const summary = await this.#summary(client, { ...asked, limit: 0 })
    const format = this.#format === 'csv' ? 'csv' : 'ndjson'
    const events = await client.ask(
      '/api/export',
      { ...asked, order, format, limit },
      { signal: this.#out.gone },
    )
    const printed = await this.#print(events)
    const { value, relation } = summary.total
    if (limit !== 0 && value > limit) {
      const of = relation === 'eq' ? String(value) : `at least ${value}`
      this.#warn(`printed ${printed ?? limit} of ${of} events, ${order} first; --limit 0 prints all`)
    }
  }

  async #count(client: Client, query: string): Promise<void> {
    const { total } = await this.#summary(client, { ...this.#question(query), limit: 0, total: 'exact' })
    await this.#out.write(`${total.value}\n`)
  }

  async #context(client: Client, id: string): Promise<void> {
    const { before, after } = this.#flags
    const events = await client.ask(
      '/api/context',
      { id, before, after, format: 'ndjson' },
      { signal: this.#out.gone },
    )
    await this.#print(events)
  }

  async #follow(client: Client, query: string): Promise<void> {
    if (!client.running)
      throw new DecklogError('unreachable', '--follow needs a running decklog: start it with "decklog up"')
    const { signal, release } = this.#stopSignal()
    try {
      await follow(client, {
        query,
        signal,
        sleep: (ms, wakeUp) => systemClock.sleep(ms, wakeUp),
        onHit: (json) => this.#out.write(this.#row(json)),
        warn: (line) => this.#warn(line),
      })
    } finally {
      release()
    }
  }

  /** Total, notes on the query, and what is known to be missing: asked first, so that a wrong query prints nothing else. */
  async #summary(client: Client, parameters: Record<string, string | number | undefined>): Promise<Summary> {
    const response = await client.ask('/api/search', parameters, { signal: this.#out.gone })
    const summary = (await response.json()) as Summary
    for (const { position, message } of summary.notes)
      this.#warn(`at character ${position + 1} of the query: ${message}`)
    for (const line of gapsOf(summary)) this.#warn(line)
    return summary
  }

  #question(query: string): Record<string, string | undefined> {
    return { query: query === '' ? undefined : query, from: this.#flags.from, to: this.#flags.to }
  }

  /** Returns how many events were printed; undefined where they are not counted. */
  async #print(events: Response): Promise<number | undefined> {
    if (this.#format === 'csv') return await this.#printCsv(events)
    let printed = 0
    for await (const line of blocksOf(events, '\n')) {
      if (this.#out.gone.aborted) break
      if (printed++ === 0 && this.#format === 'table') await this.#out.write(tableHead(this.#tableOptions()))
      await this.#out.write(this.#row(line))
    }
    return printed
  }

  async #printCsv(events: Response): Promise<undefined> {
    for await (const line of blocksOf(events, '\n')) {
      await this.#out.write(`${this.#out.isTerminal ? terminalLines(line) : line}\n`)
    }
  }

  #row(json: string): string {
    if (this.#format === 'table') return tableRow(JSON.parse(json) as JsonObject, this.#tableOptions())
    return `${this.#out.isTerminal ? terminalJson(json) : json}\n`
  }

  #tableOptions(): TableOptions {
    const marked = this.#flags.context
    return {
      columns: this.#out.columns,
      colours: this.#out.hasColours,
      ...(marked === undefined ? {} : { marked }),
    }
  }

  #stopSignal(): { signal: AbortSignal; release: () => void } {
    const given = this.#environment.signal
    if (given !== undefined) return { signal: AbortSignal.any([given, this.#out.gone]), release: () => {} }
    const stopping = new AbortController()
    const stop = (): void => stopping.abort()
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, stop)
    const release = (): void => {
      for (const name of ['SIGINT', 'SIGTERM'] as const) process.off(name, stop)
    }
    return { signal: AbortSignal.any([stopping.signal, this.#out.gone]), release }
  }

  #warn(line: string): void {
    const stderr = this.#environment.stderr ?? process.stderr
    stderr.write(`decklog: ${terminalText(line)}\n`)
  }
}

interface Summary {
  readonly total: { readonly value: number; readonly relation: 'eq' | 'gte' }
  readonly notes: readonly { readonly position: number; readonly message: string }[]
  readonly completeness: {
    readonly classes: readonly {
      readonly class: string
      readonly declaredLost: number
      readonly lossesWithoutSeq?: number
      readonly undeclaredGaps: number
    }[]
  }
}

/** An answer that is not all of it says so. */
function gapsOf({ completeness }: Summary): string[] {
  const lines: string[] = []
  for (const { class: name, declaredLost, lossesWithoutSeq = 0, undeclaredGaps } of completeness.classes) {
    if (declaredLost > 0) {
      lines.push(`class ${name}: ${counted(declaredLost, 'record')} declared lost in this time`)
    }
    if (lossesWithoutSeq > 0) {
      const losses = counted(lossesWithoutSeq, 'loss', 'losses')
      lines.push(
        `class ${name}: ${losses} of unknown extent declared (files deleted or cut off before they were read)`,
      )
    }
    if (undeclaredGaps > 0) {
      lines.push(`class ${name}: ${counted(undeclaredGaps, 'gap')} not explained yet, records may be missing`)
    }
  }
  return lines
}

function counted(count: number, noun: string, many = `${noun}s`): string {
  return `${count} ${count === 1 ? noun : many}`
}

/** Loaded only when it is needed: a running decklog is asked without a database in this process. */
async function openEmbedded(dataDir: string): Promise<Store> {
  const { openDataDirectory } = await import('../app/open-store.ts')
  return await openDataDirectory(dataDir)
}

function refuseContradictions(flags: Flags, query: string): void {
  const refuse = (message: string): never => {
    throw new DecklogError('usage', message)
  }
  const modes = (['count', 'follow', 'context'] as const).filter((mode) => flags[mode])
  if (modes.length > 1) refuse(`--${modes[0]} and --${modes[1]} do not go together`)
  if (flags.context !== undefined && query !== '')
    refuse('--context takes no query: it shows every event of the stream')
  if (flags.context === undefined && (flags.before ?? flags.after) !== undefined)
    refuse('--before and --after go with --context')
  if (flags.follow && (flags.from ?? flags.to) !== undefined)
    refuse('--follow shows what arrives from now on: no --from, no --to')
  if (flags.format === 'csv' && (flags.follow || flags.context))
    refuse('csv is for plain searches; use ndjson or table')
}

function limitOf(text: string): number {
  return text === 'all' ? 0 : wholeNumber(text)
}

function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('a whole number is needed, such as 100.')
  return Number(text)
}
