/**
 * What enrichment adds, one thread: records from raw bytes to document with and without it, all steps on, with places, lists, people,
 * nodes and 10,000 pods. The ways take turns; figures are processor time, lower quartiles.
 * `node benchmarks/enrich.ts` prints a table and, as its last line, JSON.
 */
import { BATCH_BYTES_MAX } from '../src/core/limits.ts'
import { ENRICH_STEPS, type EnrichmentSnapshot } from '../src/core/enrichment.ts'
import { parsersOnly } from '../src/roles/process/parts.ts'
import { makeEnricher } from '../src/stages/enrich/enricher.ts'
import { compilePipeline, type PipelineSpec } from '../src/stages/pipeline.ts'
import { processBatch } from '../src/stages/process-batch.ts'
import type { Enricher } from '../src/stages/run.ts'
import { newStreamState } from '../src/stages/stream-state.ts'
import { batchOf } from '../test/stages/stream-of.ts'
import { mmdbOf } from '../test/support/mmdb.ts'

const ROUNDS = 15
const ROUND_MS = 40

const networks = Array.from({ length: 250 }, (_, n) => `203.0.${n}.0/24`)
const snapshot: EnrichmentSnapshot = {
  id: '000000000000',
  lists: [
    { name: 'jump-hosts', networks: ['203.0.113.0/28', '10.9.0.0/16'], images: [] },
    { name: 'approved', networks: [], images: ['registry.example.com/'] },
  ],
  identities: Array.from({ length: 500 }, (_, n) => ({
    person: `p${n}`,
    fullName: `Person ${n}`,
    os: [`user${n}`],
    kubernetes: [`oidc:p${n}`],
  })),
  geo: {
    city: mmdbOf(
      'GeoLite2-City',
      networks.map((network) => ({
        network,
        data: { country: { iso_code: 'NL', names: { en: 'Netherlands' } } },
      })),
    ),
    asn: mmdbOf(
      'GeoLite2-ASN',
      networks.map((network) => ({ network, data: { autonomous_system_number: 64500 } })),
    ),
  },
  nodes: { 'worker-3': { roles: ['worker'], labels: { zone: 'a' }, taints: [] } },
  pods: Array.from({ length: 10_000 }, (_, n) => ({
    ip: `10.1.${n >> 8}.${n & 255}`,
    fromMs: 0,
    namespace: 'shop',
    name: `web-${n}`,
    uid: `u${n}`,
  })),
}
const enricher = makeEnricher({ steps: ENRICH_STEPS, snapshot })

interface Kind {
  readonly name: string
  readonly format: string
  readonly dataset: string
  readonly parse: PipelineSpec['match'][number]['parse']
  readonly line: (n: number) => string
}

const kinds: readonly Kind[] = [
  {
    name: 'container',
    format: 'cri',
    dataset: 'kubernetes.container_logs',
    parse: ['cri', ['json']],
    line: (n) =>
      `2026-11-24T08:00:00.${String((n * 7919) % 1e9).padStart(9, '0')}Z stdout F handled order ${n} in ${n % 97}ms`,
  },
  {
    name: 'sshd',
    format: 'syslog',
    dataset: 'system.auth',
    parse: ['syslog', ['sshd']],
    line: (n) =>
      `Nov 24 08:00:${String(n % 60).padStart(2, '0')} node-1 sshd[${1000 + (n % 9000)}]: Failed password for user${n % 900} from 203.0.${n % 250}.${n % 8} port ${30000 + (n % 20000)} ssh2`,
  },
  {
    name: 'audit',
    format: 'kube-audit',
    dataset: 'kubernetes.audit_logs',
    parse: ['kube-audit'],
    line: (n) =>
      `{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"7e0cbccf-8d8a-4f5f-aefb-${String(n).padStart(12, '0')}","stage":"ResponseComplete","requestURI":"/api/v1/namespaces/shop/pods/web-${n}?timeout=10s","verb":"get","user":{"username":"oidc:p${n % 900}","groups":["system:authenticated"]},"sourceIPs":["10.1.${n % 40}.${n % 250}"],"userAgent":"kubectl/v1.34.2","objectRef":{"resource":"pods","namespace":"shop","name":"web-${n}","apiVersion":"v1"},"responseStatus":{"metadata":{},"code":200},"requestReceivedTimestamp":"2026-11-24T08:00:00.120000Z","stageTimestamp":"2026-11-24T08:00:00.134512Z"}`,
  },
]

function way(
  { format, parse, dataset }: Kind,
  raw: Buffer,
  count: number,
  used: Enricher | undefined,
): () => void {
  const spec = { class: 'bench', match: [{ when: {}, parse, dataset }] }
  const pipeline = compilePipeline(spec, { ...parsersOnly, enricher: used })
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
  const ways = [undefined, enricher].map((used) => way(kind, raw, lines.length, used))
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
console.log('nanoseconds a record without and with enrichment')
for (const { name, withoutNs, withNs, addedPercent } of results)
  console.log(
    `${name.padEnd(12)} ${withoutNs.toFixed(0).padStart(6)} ${withNs.toFixed(0).padStart(6)}  +${addedPercent.toFixed(1)} %`,
  )
console.log(JSON.stringify({ results }))
