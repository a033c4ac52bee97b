import { readFileSync } from 'node:fs'
import { systemClock } from '../../src/app/system-clock.ts'
import { AdminClient } from '../../src/bus/kafka/admin-client.ts'
import type { ClientOptions } from '../../src/bus/kafka/client.ts'
import { applyTopics, deleteTopics, type WantedTopic } from '../../src/bus/kafka/admin.ts'
import type { BusLog, KafkaBusOptions, KafkaConnection } from '../../src/bus/kafka/options.ts'

const { env } = process

/** The brokers that tests share. Missing: tests that need them are skipped, with this reason. */
export const noKafka =
  env['DECKLOG_TEST_KAFKA'] === undefined ? 'DECKLOG_TEST_KAFKA names no broker' : undefined
if (noKafka !== undefined) console.warn(`skipped: ${noKafka}`)

export const plaintext: KafkaConnection = { brokers: [env['DECKLOG_TEST_KAFKA'] ?? ''] }

export function saslTls(): KafkaConnection {
  return {
    brokers: [env['DECKLOG_TEST_KAFKA_SASL_TLS'] ?? ''],
    tls: { ca: readFileSync(env['DECKLOG_TEST_CA'] ?? '', 'utf8') },
    sasl: {
      mechanism: 'scram-sha-512',
      username: env['DECKLOG_TEST_KAFKA_USER'] ?? '',
      password: env['DECKLOG_TEST_KAFKA_PASSWORD'] ?? '',
    },
  }
}

export interface Said {
  readonly level: string
  readonly fields: Readonly<Record<string, unknown>>
  readonly message: string
}

/** A log that remembers. */
export function recordingLog(): BusLog & { readonly said: Said[] } {
  const said: Said[] = []
  const at = (level: string) => (fields: object, message: string) =>
    void said.push({ level, fields: fields as Record<string, unknown>, message })
  return { said, debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}

export const silentLog: BusLog = { debug() {}, info() {}, warn() {}, error() {} }

export function busOptions(
  connection: KafkaConnection,
  options: Partial<KafkaBusOptions> = {},
): KafkaBusOptions {
  return {
    clock: systemClock,
    log: silentLog,
    nackPauseMs: 5,
    commitIntervalMs: 50,
    ...connection,
    ...options,
  }
}

let serial = 0

export function freshName(what: string): string {
  return `test.${what}.${process.pid}.${Date.now().toString(36)}.${serial++}`
}

/** Topics that are deleted when the test ends. */
export async function madeTopics(
  connection: KafkaConnection,
  names: readonly string[],
  wanted: Partial<WantedTopic> = {},
): Promise<AsyncDisposable> {
  const options = { ...connection, log: silentLog }
  await applyTopics(
    options,
    names.map((name) => ({ name, partitions: 3, replication: 1, ...wanted })),
  )
  return {
    async [Symbol.asyncDispose]() {
      await deleteTopics(options, names)
      await forgetGroups(options, names)
    },
  }
}

/** The consumer groups of topics that are gone. One that still has members stays: its test has to end first. */
async function forgetGroups(options: ClientOptions, topics: readonly string[]): Promise<void> {
  const admin = new AdminClient(options)
  await admin.use('forget groups', async (client) => {
    const { groups } = await client.listGroups()
    const ids = groups.map(({ groupId }) => groupId)
    const own = ids.filter((id) => topics.some((topic) => id.endsWith(`.${topic}`)))
    await client.deleteGroups(own).catch(() => {})
  })
  await admin.close()
}

export async function until(condition: () => boolean | Promise<boolean>, ms = 20_000): Promise<void> {
  const end = Date.now() + ms
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`not within ${ms} ms: ${condition.toString()}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
