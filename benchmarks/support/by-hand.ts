/**
 * The same job as one writes it by hand on a first day: a Kafka message a line, `eachMessage`, an object a line, and the client's
 * bulk helper. No checkpoints, no file that grows or rotates, no ids, no second topic.
 *
 * `node by-hand.ts ship --broker B --topic T --logs DIR`, `node by-hand.ts index --broker B --topic T --node URL --stream NAME`;
 * `index` says `ready` when it reads.
 */
import { createReadStream, globSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { Client } from '@elastic/elasticsearch'
import kafkajs from 'kafkajs'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    broker: { type: 'string', default: '' },
    topic: { type: 'string', default: '' },
    logs: { type: 'string', default: '' },
    node: { type: 'string', default: '' },
    stream: { type: 'string', default: '' },
  },
})
const LINES_A_SEND = 1_000
const WAITING_MAX = 10_000
const kafka = new kafkajs.Kafka({ brokers: [values.broker], logLevel: kafkajs.logLevel.NOTHING })

async function ship(): Promise<void> {
  const producer = kafka.producer()
  await producer.connect()
  for (const path of globSync(`${values.logs}/*/*/*.log`)) {
    let messages: { key: string; value: string }[] = []
    for await (const value of createInterface({ input: createReadStream(path) })) {
      messages.push({ key: path, value })
      if (messages.length < LINES_A_SEND) continue
      await producer.send({ topic: values.topic, messages })
      messages = []
    }
    if (messages.length > 0) await producer.send({ topic: values.topic, messages })
  }
  await producer.disconnect()
}

async function index(): Promise<void> {
  const documents = new Waiting()
  const consumer = kafka.consumer({ groupId: `by-hand-${values.topic}` })
  await consumer.connect()
  await consumer.subscribe({ topics: [values.topic], fromBeginning: true })
  consumer.on(consumer.events.GROUP_JOIN, () => process.stdout.write('ready\n'))
  await consumer.run({
    eachMessage: async ({ message }) => {
      await documents.put(documentOf(message.key!.toString(), message.value!.toString()))
    },
  })
  const client = new Client({ node: values.node })
  await client.helpers.bulk({
    datasource: documents[Symbol.asyncIterator](),
    onDocument: () => ({ create: { _index: values.stream } }),
    concurrency: 4,
  })
}

function documentOf(path: string, line: string): object {
  const [time = '', output = '', , ...rest] = line.split(' ')
  const message = rest.join(' ')
  const [pod = '', container = ''] = path.split('/').slice(-3)
  const [namespace = '', name = '', uid = ''] = pod.split('_')
  return {
    '@timestamp': time,
    message,
    ...(message.startsWith('{') ? { payload: JSON.parse(message) as object } : {}),
    stream: output,
    ecs: { version: '9.0.0' },
    event: { ingested: new Date().toISOString(), dataset: 'kubernetes.container_logs' },
    log: { file: { path } },
    host: { name: 'node-1' },
    orchestrator: { type: 'kubernetes', cluster: { name: 'bench' } },
    kubernetes: { namespace, pod: { name, uid }, container: { name: container } },
    container: { name: container },
  }
}

/** Documents between two who wait for each other. */
class Waiting {
  readonly #documents: object[] = []
  #wakeReader: (() => void) | undefined
  #wakeWriter: (() => void) | undefined

  async put(document: object): Promise<void> {
    this.#documents.push(document)
    this.#wakeReader?.()
    this.#wakeReader = undefined
    if (this.#documents.length > WAITING_MAX)
      await new Promise<void>((resolve) => (this.#wakeWriter = resolve))
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<object> {
    for (;;) {
      const some = this.#documents.splice(0)
      this.#wakeWriter?.()
      this.#wakeWriter = undefined
      yield* some
      if (this.#documents.length === 0) await new Promise<void>((resolve) => (this.#wakeReader = resolve))
    }
  }
}

if (positionals[0] === 'ship') await ship()
else await index()
