import { Argument, Command } from 'commander'
import { DecklogError } from '../core/errors.ts'

const ROLES = ['ship', 'process', 'index', 'detect', 'archive', 'serve'] as const

/** Roles apart need a bus between processes, which the embedded bus is not: so this says what works today. */
export function runCommand(): Command {
  return new Command('run')
    .description('one or more roles in this process')
    .addArgument(new Argument('<role...>', 'roles to run').choices(ROLES))
    .requiredOption('-c, --config <file>', 'configuration')
    .addHelpText(
      'after',
      `
Examples:
  decklog run ship process index archive serve --config decklog.yaml    all roles of one machine: the same as decklog up

Roles in processes of their own need a bus that reaches between processes (bus.kind); with the embedded bus all of
ship process index archive serve run together.`,
    )
    .action(async (roles: string[], options: { config: string }) => {
      const needed = ['ship', 'process', 'index', 'archive', 'serve']
      const missing = needed.filter((role) => !roles.includes(role))
      if (roles.includes('detect')) {
        throw new DecklogError(
          'usage',
          'detect is not a role of this version: rules on single events run in process; leave it out',
        )
      }
      if (missing.length > 0) {
        throw new DecklogError(
          'config-invalid',
          `bus.kind memory does not reach between processes, so ${missing.join(', ')} would be missing; run all of ${needed.join(' ')}, or decklog up`,
        )
      }
      const { upCommand } = await import('./up.ts')
      await upCommand().parseAsync(['--config', options.config], { from: 'user' })
    })
}
