import { Command, Option } from 'commander'
import { openLog } from '../app/log.ts'
import { PIPELINES_DIRECTORY } from '../app/places.ts'
import { setUp, type SetupReport, streamKinds } from '../app/setup.ts'
import { partsToSetUp } from '../app/setup/from-config.ts'
import { renderSetup } from '../app/setup/render.ts'
import { systemClock } from '../app/system-clock.ts'
import { loadConfig } from '../config/config.ts'
import { loadPipelines } from '../config/pipelines.ts'
import { ROLE_NAMES, type RoleName, roleDescriptor } from '../store/elasticsearch/manage/roles.ts'

interface SetupCommandOptions {
  readonly config?: string
  readonly dryRun?: boolean
  readonly rollOver?: boolean
  readonly printRole?: RoleName
  readonly json?: boolean
}

export function setupCommand(): Command {
  return new Command('setup')
    .description('topics, templates and lifecycle policies: made or brought up to date; safe to repeat')
    .option('-c, --config <file>', 'configuration')
    .option('--dry-run', 'shows what would change, and changes nothing')
    .option('--roll-over', 'begins a new index where an existing one cannot take what has changed')
    .addOption(
      new Option('--print-role <part>', 'the rights in Elasticsearch that a part needs, as JSON').choices(
        ROLE_NAMES,
      ),
    )
    .option('--json', 'one JSON object')
    .addHelpText(
      'after',
      `
Data is never deleted, what is not decklog's is never touched, and nothing is changed while there is a problem.

Examples:
  decklog setup --config decklog.yaml --dry-run
  decklog setup --config decklog.yaml
  decklog setup --print-role writer | curl -X PUT -H 'content-type: application/json' -d @- "$ES/_security/role/decklog-writer"

Exit status: 0 all is as it should be, 2 the configuration is wrong or something is in the way, 3 Kafka or Elasticsearch cannot be reached.`,
    )
    .action(run)
}

async function run(options: SetupCommandOptions): Promise<void> {
  const config = loadConfig(options.config)
  const pipelines = loadPipelines(config.pipelines ?? PIPELINES_DIRECTORY)
  if (options.printRole !== undefined) {
    const role = roleDescriptor(options.printRole, streamKinds(pipelines))
    process.stdout.write(`${JSON.stringify(role, undefined, 2)}\n`)
    return
  }
  const dryRun = options.dryRun === true
  const report = await setUp({
    ...partsToSetUp(config, openLog(config.log.level)),
    pipelines,
    clock: systemClock,
    dryRun,
    rollOver: options.rollOver === true,
    progress: (sentence) => process.stderr.write(`${sentence}\n`),
  })
  if (options.json) process.stdout.write(`${JSON.stringify(jsonOf(report))}\n`)
  else for (const line of renderSetup(report, { dryRun })) process.stdout.write(`${line}\n`)
  process.exitCode = report.problems.length > 0 ? 2 : 0
}

/** Without the definitions themselves: what is there and what changes. */
function jsonOf({ kafka, elasticsearch, ...rest }: SetupReport): object {
  return {
    ...rest,
    kafka: kafka && { topics: kafka.topics, changes: kafka.plan.changes },
    elasticsearch: elasticsearch && {
      flavour: elasticsearch.plan.flavour,
      replicas: elasticsearch.plan.replicas,
      templates: elasticsearch.plan.templates.map(({ definition, ...change }) => ({
        kind: definition.kind,
        name: definition.name,
        ...change,
      })),
      indices: elasticsearch.plan.missingIndices.map(({ name }) => name),
      dataStreams: elasticsearch.plan.streams,
      outcomes: elasticsearch.streams,
      shards: elasticsearch.plan.shards,
    },
  }
}
