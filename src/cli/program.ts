import { readFileSync } from 'node:fs'
import { Command, CommanderError } from 'commander'
import { DecklogError } from '../core/errors.ts'
import { exitStatusOf } from './exit.ts'

/** Commands are loaded when they are called: `search` need not wait for what `up` needs. */
const COMMANDS: Record<string, () => Promise<Command>> = {
  up: async () => (await import('./up.ts')).upCommand(),
  run: async () => (await import('./run.ts')).runCommand(),
  setup: async () => (await import('./setup.ts')).setupCommand(),
  status: async () => (await import('./status.ts')).statusCommand(),
  check: async () => (await import('./check.ts')).checkCommand(),
  parse: async () => (await import('./parse.ts')).parseCommand(),
  replay: async () => (await import('./parse.ts')).replayCommand(),
  search: async () =>
    (await import('./search.ts')).searchCommand({
      openStore: (await import('../app/open-store.ts')).openDataDirectory,
    }),
  rules: async () => (await import('./rules.ts')).rulesCommand(),
  generate: async () => (await import('./generate.ts')).generateCommand(),
  'dead-letter': async () => (await import('./dead-letter.ts')).deadLetterCommand(),
}

/** Runs one command. Returns the exit status. */
export async function run(argv: readonly string[]): Promise<number> {
  const program = new Command('decklog')
    .description('Log centralization for Kubernetes security: nothing lost silently, nothing stored twice.')
    .version(version(), '-V, --version')
    .showHelpAfterError('(see decklog --help)')
    .exitOverride()
    .addHelpText('after', EXAMPLES)
  const named = COMMANDS[argv[2] ?? '']
  const loaded = named ? [await named()] : await Promise.all(Object.values(COMMANDS).map((load) => load()))
  for (const command of loaded) program.addCommand(settled(command))
  try {
    await program.parseAsync(argv)
    return Number(process.exitCode ?? 0)
  } catch (error) {
    return report(error)
  }
}

const EXAMPLES = `
Examples:
  decklog up                                   read this machine's logs, or a demo where there are none
  decklog search 'event.outcome: failure' --from now-1h
  decklog check --config decklog.yaml          find mistakes before anything starts

Exit status: 0 success, 1 what was asked about is bad, 2 usage or configuration, 3 something needed cannot be reached.`

function settled(command: Command): Command {
  command.exitOverride()
  for (const child of command.commands) settled(child)
  return command
}

function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
  if (error instanceof DecklogError) {
    process.stderr.write(`decklog: ${error.message}\n`)
    return exitStatusOf(error)
  }
  process.stderr.write(
    `decklog: an error in decklog itself, please report it: ${error instanceof Error ? error.stack : String(error)}\n`,
  )
  return 1
}

function version(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}
