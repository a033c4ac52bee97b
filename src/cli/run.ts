import { Argument, Command } from 'commander'
import { startDistributed } from '../app/distributed.ts'
import { openLog } from '../app/log.ts'
import { ROLE_NAMES, type RoleName } from '../app/role-names.ts'
import { loadConfig } from '../config/config.ts'
import { armFaultsFromEnvironment } from '../config/environment.ts'
import { DecklogError } from '../core/errors.ts'
import { untilSignal } from './signals.ts'

interface RunOptions {
  readonly config: string
  readonly data?: string
  readonly listen?: string
}

export function runCommand(): Command {
  return new Command('run')
    .description('one or more roles in this process, the others elsewhere')
    .addArgument(new Argument('<role...>', 'roles to run').choices([...ROLE_NAMES, 'detect']))
    .requiredOption('-c, --config <file>', 'configuration')
    .option('-d, --data <dir>', 'where this process keeps its data; no two processes share one')
    .option('-l, --listen <host:port>', 'where /health, /ready, /metrics (and the page) are served')
    .addHelpText(
      'after',
      `
Examples:
  decklog run ship --config decklog.yaml                        on each node: logs to Kafka
  decklog run process index --config decklog.yaml               as many as are needed: Kafka to Elasticsearch
  decklog run serve --config decklog.yaml --listen 0.0.0.0:7700 the page and the API
  decklog run ship process index archive serve --config decklog.yaml

Roles in processes of their own need a bus that reaches between them (bus.kind kafka), and topics and templates that
decklog setup has made. SIGTERM finishes what is under way (drainTimeout, 10 s); a second one stops at once.`,
    )
    .action(run)
}

async function run(names: string[], options: RunOptions): Promise<void> {
  armFaultsFromEnvironment()
  if (names.includes('detect')) {
    throw new DecklogError(
      'usage',
      'detect is not a role of this version: rules on single events run in process; leave it out',
    )
  }
  const config = loadConfig(options.config, { dataDir: options.data, listen: options.listen })
  const log = openLog(config.log.level)
  const running = await startDistributed({ config, roles: names as RoleName[], log })
  for (const line of running.greeting) process.stdout.write(`${line}\n`)
  const signal = await untilSignal()
  log.info({ signal }, 'ending')
  await running.close()
}
