/**
 * What redaction costs on lines without secrets, one thread: the way of a line from raw bytes to document with and without the
 * rules of `pipelines/redact/secrets.yaml`. The ways take turns; figures are processor time, lower quartiles.
 * `node benchmarks/redact.ts` prints a table and, as its last line, JSON.
 */
import { loadRedactSets, rulesOfSets } from '../src/config/redact.ts'
import { BATCH_BYTES_MAX } from '../src/core/limits.ts'
import { parsersOnly } from '../src/roles/process/parts.ts'
import { compilePipeline, type PipelineSpec } from '../src/stages/pipeline.ts'
import { processBatch } from '../src/stages/process-batch.ts'
import { makeRedactor } from '../src/stages/redact/redactor.ts'
import type { Redactor } from '../src/stages/run.ts'
import { newStreamState } from '../src/stages/stream-state.ts'
import { batchOf } from '../test/stages/stream-of.ts'

const ROUNDS = 15
const ROUND_MS = 40
const sets = loadRedactSets(new URL('../pipelines', import.meta.url).pathname)
const rules = rulesOfSets(sets, ['secrets'], 'secrets.yaml')
const redactor = makeRedactor({ rules, key: Buffer.from('benchmark') })

const NOUNS = ['items', 'orders', 'customers', 'sessions', 'payments', 'carts', 'reports', 'tokens']

function stamp(n: number): string {
  return `2026-11-24T08:00:${String(n % 60).padStart(2, '0')}.${String((n * 7919) % 1e9).padStart(9, '0')}Z stdout F `
}

interface Kind {
  readonly name: string
  readonly format: string
  readonly parse: PipelineSpec['match'][number]['parse']
  readonly line: (n: number) => string
}

const CRI = { format: 'cri', parse: ['cri', ['json']] }
const kinds: readonly Kind[] = [
  {
    name: 'words',
    ...CRI,
    line: (n) =>
      `${stamp(n)}INFO  worker-${n % 12} handled ${NOUNS[n % 8]} request for customer ${n * 17} in ${n % 97}ms, ${n % 5} retries, connection reused, cache ${n % 3 ? 'hit' : 'miss'}`,
  },
  {
    name: 'access log',
    ...CRI,
    line: (n) =>
      `${stamp(n)}10.0.${n % 256}.${(n * 7) % 256} - - [24/Nov/2026:08:00:00 +0000] "GET /api/v1/${NOUNS[n % 8]}/${n * 31}?page=${n % 17} HTTP/1.1" 200 ${n * 13} "https://shop.example.com/cart" "Mozilla/5.0 (X11; Linux x86_64)"`,
  },
  {
    name: 'JSON',
    ...CRI,
    line: (n) =>
      `${stamp(n)}{"time":"2026-11-24T08:00:00Z","level":"info","msg":"request served","method":"GET","path":"/api/${NOUNS[n % 8]}/${n}","status":200,"ms":${n % 97}.5,"user":"u-${n}","trace_id":"4bf92f3577b34da6"}`,
  },
  {
    name: 'sshd',
    format: 'syslog',
    parse: ['syslog', ['sshd']],
    line: (n) =>
      `Nov 24 08:00:${String(n % 60).padStart(2, '0')} node-1 sshd[${1000 + (n % 9000)}]: Failed password for invalid user admin from 203.0.113.${n % 250} port ${30000 + (n % 20000)} ssh2`,
  },
  {
    name: 'audit',
    format: 'kube-audit',
    parse: ['kube-audit'],
    line: (n) =>
      `{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"7e0cbccf-8d8a-4f5f-aefb-${String(n).padStart(12, '0')}","stage":"ResponseComplete","requestURI":"/api/v1/namespaces/shop/pods/web-${n}?timeout=10s","verb":"get","user":{"username":"system:node:node-${n % 40}","groups":["system:nodes","system:authenticated"]},"sourceIPs":["10.0.0.${n % 250}"],"userAgent":"kubelet/v1.34.2 (linux/amd64) kubernetes/8cc511e","objectRef":{"resource":"pods","namespace":"shop","name":"web-${n}","apiVersion":"v1"},"responseStatus":{"metadata":{},"code":200},"requestReceivedTimestamp":"2026-11-24T08:00:00.120000Z","stageTimestamp":"2026-11-24T08:00:00.134512Z","annotations":{"authorization.k8s.io/decision":"allow","authorization.k8s.io/reason":"RBAC: allowed by ClusterRoleBinding"}}`,
  },
]

function way({ format, parse }: Kind, raw: Buffer, count: number, used: Redactor | undefined): () => void {
  const spec = { class: 'bench', match: [{ when: {}, parse, dataset: 'bench.lines' }] }
  const pipeline = compilePipeline(spec, { ...parsersOnly, redactor: used })
  const provenance = { ...batchOf().provenance, format }
  const state = newStreamState()
  let firstSeq = 0
  return () => {
    const batch = batchOf({ provenance, firstSeq, count, rawBytes: raw.length })
    processBatch(state, batch, { raw, receivedMs: batch.wallTimeMs, pipeline })
    firstSeq += count
  }
}

function threadNs(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) * 1000
}

function measure(kind: Kind): { name: string; withoutNs: number; withNs: number; addedPercent: number } {
  const lines: string[] = []
  for (let bytes = 0; bytes < BATCH_BYTES_MAX; bytes += lines.at(-1)!.length)
    lines.push(`${kind.line(lines.length)}\n`)
  const raw = Buffer.from(lines.join(''))
  const ways = [undefined, redactor].map((used) => way(kind, raw, lines.length, used))
  const ns: number[][] = [[], []]
  for (let round = -1; round < ROUNDS; round++) {
    for (const [at, run] of ways.entries()) {
      const start = performance.now()
      const before = threadNs()
      let runs = 0
      for (; performance.now() - start < ROUND_MS; runs++) run()
      if (round >= 0) ns[at]!.push((threadNs() - before) / (runs * lines.length))
    }
  }
  const [withoutNs, withNs] = ns.map((all) => all.sort((a, b) => a - b)[ROUNDS >> 2]!) as [number, number]
  return { name: kind.name, withoutNs, withNs, addedPercent: (withNs / withoutNs - 1) * 100 }
}

const results = kinds.map(measure)
console.log(`${rules.length} rules; nanoseconds a line without and with them`)
for (const { name, withoutNs, withNs, addedPercent } of results)
  console.log(
    `${name.padEnd(12)} ${withoutNs.toFixed(0).padStart(6)} ${withNs.toFixed(0).padStart(6)}  +${addedPercent.toFixed(1)} %`,
  )
console.log(JSON.stringify({ rules: rules.length, results }))
