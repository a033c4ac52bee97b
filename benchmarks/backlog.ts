/**
 * Elasticsearch away while 10 GiB of pod lines come: what the roles hold, and how soon an ssh event behind them is found.
 *
 * `DECKLOG_TEST_KAFKA=host:port DECKLOG_TEST_ELASTICSEARCH=http://… node benchmarks/backlog.ts [--mib 10240] [--seconds 300]
 * [--catch-up-seconds 120] [--json FILE]`
 * The broker and the node are the benchmark's alone while it runs, as in distributed.ts. Needs 20 GB of disk.
 */
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { buildInto } from './support/built.ts'
import { writeClusterFiles } from './support/cluster-files.ts'
import {
  decklogTopics,
  enginesFromEnvironment,
  removeDataStreams,
  removeOwnIndices,
  removeTopics,
} from './support/engines.ts'
import { Fleet } from './support/fleet.ts'
import { report } from './support/measurement.ts'
import { measureOutage } from './support/outage.ts'
import { say, temporaryPlace } from './support/place.ts'
import { PodCopies } from './support/pod-copies.ts'

const { values } = parseArgs({
  options: {
    mib: { type: 'string', default: '10240' },
    seconds: { type: 'string', default: '300' },
    'catch-up-seconds': { type: 'string', default: '120' },
    'take-over': { type: 'boolean', default: false },
    json: { type: 'string' },
  },
})
const engines = enginesFromEnvironment()
if (engines === undefined) {
  process.stderr.write('skipped: needs DECKLOG_TEST_KAFKA and DECKLOG_TEST_ELASTICSEARCH\n')
  process.exit(0)
}
const there = await decklogTopics(engines)
if (there.length > 0 && !values['take-over']) {
  process.stderr.write(`these brokers have topics of a decklog (${there[0]} …): --take-over deletes them\n`)
  process.exit(2)
}
const cluster = 'bench'
using place = temporaryPlace('backlog')

say('building, and writing lines')
const main = join(buildInto(place.directory), 'src/cli/main.js')
const fleet = new Fleet({
  engines,
  cluster,
  main,
  directory: join(place.directory, 'fleet'),
  warmUp: new PodCopies(await podsOf('warm-up', 40_000)),
  // Few large copies: the number of streams is another matter.
  input: new PodCopies(await podsOf('input', 2_000_000)),
})
try {
  const { measurements, notes } = await measureOutage({
    fleet,
    seconds: Number(values.seconds),
    backlogMiB: Number(values.mib),
    catchUpSeconds: Number(values['catch-up-seconds']),
  })
  report(
    {
      subject: 'A large backlog',
      about:
        'decklog run ship, process and index, each a process, one broker and one node on the same cores. Elasticsearch refuses connections while ' +
        'pod lines come; an ssh line is written at the end of it. The clock of the ssh event starts when Elasticsearch is back.',
      notes,
      measurements,
    },
    values.json,
  )
} finally {
  await removeTopics(engines)
  await removeDataStreams(engines, `logs-*-${cluster}*`)
  await removeOwnIndices(engines)
}

async function podsOf(name: string, lines: number): Promise<string> {
  const directory = join(place.directory, name)
  await writeClusterFiles({ directory, mix: 'plain', records: Math.ceil(lines / 0.9), pods: 24 })
  return join(directory, 'pods')
}
