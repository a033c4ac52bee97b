import { Command } from 'commander'
import { checkConfiguration } from '../app/check.ts'

interface CheckOptions {
  readonly config?: string
  readonly data?: string
  readonly json?: boolean
}

export function checkCommand(): Command {
  return new Command('check')
    .description('validates configuration, pipelines and rules without starting anything')
    .option('-c, --config <file>', 'configuration; without it, what decklog up would use')
    .option('-d, --data <dir>', 'data directory')
    .option('--json', 'one JSON object')
    .addHelpText(
      'after',
      `
Examples:
  decklog check --config decklog.yaml
  decklog check --config decklog.yaml --json | jq .problems

Exit status: 0 nothing wrong, 2 the configuration is wrong, 3 something around it is (port, folder, rights).`,
    )
    .action(async (options: CheckOptions) => {
      const report = await checkConfiguration(options)
      if (options.json) process.stdout.write(`${JSON.stringify(report)}\n`)
      else for (const line of readable(report)) process.stdout.write(`${line}\n`)
      process.exitCode = Math.max(
        0,
        ...report.problems.filter((one) => one.severity === 'error').map((one) => one.exitStatus),
      )
    })
}

function readable(report: Awaited<ReturnType<typeof checkConfiguration>>): string[] {
  const reads = report.sources.map(({ class: name, what, logs, bytes, receives }) =>
    receives === true
      ? `receives as ${name}: ${what}`
      : `reads as ${name}: ${what} (${logs} ${logs === 1 ? 'log' : 'logs'}, ${(bytes / 1e6).toFixed(1)} MB now)`,
  )
  const problems = report.problems.map((one) => `${one.severity}: ${one.message}`)
  const lines = [...reads, ...problems]
  const errors = report.problems.filter((one) => one.severity === 'error').length
  lines.push(
    errors === 0
      ? `ok: ${report.classes} classes, ${report.rules} rules, ${report.sources.length} sources`
      : `${errors} ${errors === 1 ? 'error' : 'errors'}`,
  )
  return lines
}
