import { Command } from 'commander'
import { startEmbedded } from '../app/embedded.ts'
import { openLog } from '../app/log.ts'
import { armFaultsFromEnvironment } from '../config/environment.ts'
import { loadConfig } from '../config/config.ts'
import { untilSignal } from './signals.ts'

interface UpOptions {
  readonly config?: string
  readonly data?: string
  readonly demo?: boolean
  readonly listen?: string
}

export function upCommand(): Command {
  return new Command('up')
    .description('everything in one process: reads logs, stores them, serves the page')
    .option('-c, --config <file>', 'configuration; without it, the log sources that this machine has')
    .option('-d, --data <dir>', 'where decklog keeps its data (default: ./decklog-data)')
    .option('-l, --listen <host:port>', 'where the page is served (default: 127.0.0.1:7700)')
    .option('--demo', 'write a small synthetic cluster beside it and read that')
    .addHelpText(
      'after',
      `
Examples:
  decklog up                          read this machine's logs; a demo where it has none
  decklog up --demo --data /tmp/deck  try it without touching anything
  decklog up --config decklog.yaml    as configured

It prints the address of the page when it is ready. Ctrl-C ends it; what was read is kept.`,
    )
    .action(async (options: UpOptions) => {
      armFaultsFromEnvironment()
      const config = loadConfig(options.config, { dataDir: options.data, listen: options.listen })
      const log = openLog(config.log.level)
      const running = await startEmbedded({
        config,
        demo: options.demo === true,
        log,
      })
      for (const line of running.greeting) process.stdout.write(`${line}\n`)
      const signal = await untilSignal()
      log.info({ signal }, 'ending')
      await running.close()
    })
}
