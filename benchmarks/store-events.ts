import { constants, zstdCompressSync } from 'node:zlib'
import { type EventBatch, EventIndexWriter } from '../src/core/event-batch.ts'

/** Event batches of container logs, as `process` makes them: one stream a batch, documents of 900 bytes and more. */
export interface EventsOptions {
  readonly streams: number
  readonly eventsABatch: number
  readonly startMs: number
  /** Events of the whole run lie this far apart in time. */
  readonly eventsASecond: number
  readonly seed?: number
}

const WORDS =
  'request handler completed user session token cache miss hit upstream retry connection closed by peer database query took rows returned scheduler leader elected lease renewed pod sandbox changed image pulled volume mounted probe readiness liveness healthy unhealthy gateway route matched payload decoded'.split(
    ' ',
  )
/** In 1 % of the events. */
export const COMMON_WORD = 'timeout'
/** In three events of the run. */
export const RARE_WORD = 'xylophone'

/** Batches one after the other, without end. `rareAt`: numbers of the events that hold the rare word. */
export function* eventBatches(options: EventsOptions, rareAt: readonly number[]): Generator<EventBatch> {
  const { streams, eventsABatch, startMs, eventsASecond } = options
  const random = generator(options.seed ?? 1)
  const next = Array.from({ length: streams }, () => 0)
  const rare = new Set(rareAt)
  for (let event = 0, turn = 0; ; turn++) {
    const stream = turn % streams
    const writer = new EventIndexWriter()
    const lines: string[] = []
    let offset = 0
    const receivedMs = startMs + Math.floor((event / eventsASecond) * 1000) + 500
    const { head, tail } = constantsOf(stream, receivedMs)
    for (let row = 0; row < eventsABatch; row++, event++) {
      const timeNs = BigInt(startMs) * 1_000_000n + BigInt(Math.floor((event / eventsASecond) * 1e9))
      const seq = next[stream]!++
      const text =
        messageOf(random) +
        (random() < 0.01 ? ` ${COMMON_WORD}` : '') +
        (rare.has(event) ? ` ${RARE_WORD}` : '')
      const stamp = `${new Date(Number(timeNs / 1_000_000n)).toISOString().slice(0, 19)}.${String(timeNs % 1_000_000_000n).padStart(9, '0')}Z`
      const address = `10.${Math.floor(random() * 4)}.${Math.floor(random() * 16)}.${Math.floor(random() * 256)}`
      const line = `{"@timestamp":"${stamp}","message":"${text}",${head},"source":{"ip":"${address}"},${tail},"seq":${seq},"ranges":[[${seq},${seq}]]},"stream":"stdout"}\n`
      writer.add({
        firstSeq: seq,
        lastSeq: seq,
        timeNs,
        offset,
        length: line.length - 1,
        n: 0,
        flags: 0,
        rules: 0,
        ranges: 0,
      })
      lines.push(line)
      offset += line.length
    }
    yield batchOf({ stream, index: writer.bytes(), text: lines.join(''), receivedMs })
  }
}

function batchOf(of: { stream: number; index: Uint8Array; text: string; receivedMs: number }): EventBatch {
  const documents = Buffer.from(of.text, 'latin1')
  return {
    stream: streamId(of.stream),
    class: 'pod',
    tenant: 'prod-eu-1',
    node: `worker-${of.stream % 5}`,
    dataStream: 'logs-kubernetes.container_logs-prod_eu_1.pod',
    receivedMs: of.receivedMs,
    lineage: 'bbbbbbbbbbbbbbbb',
    covers: [],
    losses: [],
    index: of.index,
    ruleSets: [],
    moreRanges: [],
    pipelineVersion: 'benchmark',
    codec: 'zstd',
    documentBytes: documents.byteLength,
    documents: zstdCompressSync(documents, { params: { [constants.ZSTD_c_compressionLevel]: 1 } }),
    extra: {},
  }
}

function streamId(stream: number): string {
  return stream.toString(16).padStart(24, '0')
}

/** What all documents of a batch share, as `stages/enrich/constants.ts` writes it. */
function constantsOf(stream: number, receivedMs: number): { head: string; tail: string } {
  const [pod, namespace, node] = [
    `app-${stream}-5f7d9c6b8-x2x7k`,
    `team-${stream % 20}`,
    `worker-${stream % 5}`,
  ]
  const uid = `0f3c2a10-77aa-4bcd-8f00-${String(stream).padStart(12, '0')}`
  const level = stream % 10 === 0 ? 'error' : 'info'
  const time = new Date(receivedMs).toISOString()
  const head =
    `"ecs":{"version":"9.0.0"},"data_stream":{"type":"logs","dataset":"kubernetes.container_logs","namespace":"prod_eu_1.pod"},` +
    `"agent":{"type":"decklog","id":"${node}","name":"${node}"},"host":{"name":"${node}"},"input":{"type":"pods"},` +
    `"orchestrator":{"type":"kubernetes","cluster":{"name":"prod-eu-1"},"namespace":"${namespace}","resource":{"type":"pod","name":"${pod}"}},` +
    `"kubernetes":{"node":{"name":"${node}"},"namespace":"${namespace}","pod":{"name":"${pod}","uid":"${uid}"},"container":{"name":"main","restart_count":0}}`
  const tail =
    `"event":{"kind":"event","module":"kubernetes","dataset":"kubernetes.container_logs","created":"${time}","ingested":"${time}"},` +
    `"log":{"file":{"path":"/var/log/pods/${namespace}_${pod}_${uid}/main/0.log"},"level":"${level}"},` +
    `"decklog":{"stream":"${streamId(stream)}","class":"pod","parser":{"name":"cri","version":1}`
  return { head, tail }
}

function messageOf(random: () => number): string {
  const parts: string[] = []
  for (let count = 6 + Math.floor(random() * 9); count > 0; count--)
    parts.push(WORDS[Math.floor(random() * WORDS.length)]!)
  const id = Math.floor(random() * 1e9).toString(16)
  return `${parts.join(' ')} id=${id} status=${[200, 200, 200, 404, 500][Math.floor(random() * 5)]} duration=${Math.floor(random() * 1000)}ms path=/api/v1/items/${Math.floor(random() * 1e5)}`
}

/** xorshift32: the same run every time. */
function generator(seed: number): () => number {
  let state = seed | 0 || 1
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 4294967296
  }
}
