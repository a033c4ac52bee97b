import { setTimeout as sleep } from 'node:timers/promises'
import { Command } from 'commander'
import { handsOver, kafkaOf } from '../app/choose-bus.ts'
import { elasticsearchOf } from '../app/choose-store.ts'
import { openDataDirectory } from '../app/open-store.ts'
import { openLog } from '../app/log.ts'
import { PIPELINES_DIRECTORY } from '../app/places.ts'
import { ROLE_NAMES } from '../app/role-names.ts'
import { exitStatusOf, pipelineStatus, type StatusOptions } from '../app/status.ts'
import { renderStatus } from '../app/status/render.ts'
import type { AskRunning } from '../app/status/running-part.ts'
import { systemClock } from '../app/system-clock.ts'
import { loadConfig } from '../config/config.ts'
import { loadPipelines } from '../config/pipelines.ts'
import { DecklogError } from '../core/errors.ts'
import { addressOf, connect } from './search/client.ts'
import { Output } from './search/output.ts'
import { terminalText } from './search/terminal-text.ts'

interface StatusCommandOptions {
  readonly config?: string
  readonly url?: string
  readonly json?: boolean
  readonly watch?: boolean
}

/** Between two looks, for rates. */
const APART_MS = 2_000
const WATCH_MS = 3_000
const CLEAR = '\x1b[2J\x1b[H'

export function statusCommand(): Command {
  return new Command('status')
    .description('the whole pipeline on one screen: who runs, what waits, what is stored, what is wrong')
    .option('-c, --config <file>', 'configuration: asks its Kafka and its Elasticsearch')
    .option('--url <url>', 'asks a running decklog')
    .option('--json', 'one JSON object')
    .option('-w, --watch', 'again and again, until Ctrl-C')
    .addHelpText(
      'after',
      `
Two looks, 2 s apart, give the rates. It changes nothing, and needs no decklog to run where Kafka and Elasticsearch answer.

Examples:
  decklog status                                of the decklog that runs here
  decklog status --config decklog.yaml          of roles that run apart
  decklog status --config decklog.yaml --json | jq -r '.problems[]'

Exit status: 0 all is well, 1 something is wrong (a line each says what, and what to do), 2 usage or configuration,
3 a part cannot be reached.`,
    )
    .action(run)
}

async function run(options: StatusCommandOptions): Promise<void> {
  const output = new Output(process.stdout)
  const asked = askedOf(options)
  do {
    const report = await pipelineStatus(asked)
    const text =
      options.json === true
        ? JSON.stringify(report)
        : renderStatus(report, { columns: output.columns ?? Infinity, plain: terminalText }).join('\n')
    await output.write(`${options.watch && output.isTerminal ? CLEAR : ''}${text}\n`)
    process.exitCode = exitStatusOf(report)
    if (options.watch) await sleep(WATCH_MS)
  } while (options.watch && !output.gone.aborted)
  await output.end()
}

/** Kafka and Elasticsearch are asked themselves; a memory bus and an embedded store through the process that has them. */
function askedOf({ config: path, url }: StatusCommandOptions): StatusOptions {
  const config = loadConfig(path)
  const pipelines = loadPipelines(config.pipelines ?? PIPELINES_DIRECTORY)
  const common = {
    cluster: config.cluster,
    classes: pipelines.classes.map((one) => one.class),
    rules: path === undefined ? undefined : pipelines.retention,
    handsOver: handsOver(config, new Set(ROLE_NAMES)),
    clock: systemClock,
    apartMs: APART_MS,
  }
  if (url !== undefined) {
    return { ...common, kafka: undefined, elasticsearch: undefined, running: runningAt(url) }
  }
  const { bus, store } = config
  const kafka = bus.kind === 'kafka' ? kafkaOf(bus, openLog('silent')) : undefined
  const elasticsearch = store.kind === 'elasticsearch' ? elasticsearchOf(store) : undefined
  const isWhole = kafka !== undefined && elasticsearch !== undefined
  return {
    ...common,
    kafka,
    elasticsearch,
    running: isWhole ? undefined : runningAt(addressOf(config)),
  }
}

function runningAt(url: string): { readonly url: string; readonly ask: AskRunning } {
  return {
    url,
    async ask(path, parameters) {
      await using client = await connect({
        url,
        data: undefined,
        openStore: openDataDirectory,
        warn: () => undefined,
      })
      if (path === '/ready') return await readiness(url)
      return await (await client.ask(path, parameters)).json()
    },
  }
}

/** 503 is an answer too: it says why. */
async function readiness(url: string): Promise<unknown> {
  try {
    return await (await fetch(new URL('/ready', url), { signal: AbortSignal.timeout(5_000) })).json()
  } catch (cause) {
    throw new DecklogError('unreachable', `decklog at ${url} does not answer any more`, { cause })
  }
}
