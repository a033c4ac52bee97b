import { expect, test } from 'vitest'
import { foreignIdsOf } from '../../src/core/foreign-ids.ts'
import { kubeAudit } from '../../src/parsers/kube-audit.ts'
import { kubernetesEvent } from '../../src/parsers/kubernetes-event.ts'
import { processBatch } from '../../src/stages/process-batch.ts'
import { newStreamState } from '../../src/stages/stream-state.ts'
import { batchOf, pipelineOf, RECEIVED_MS } from './stream-of.ts'

const pipeline = pipelineOf({
  spec: {
    class: 'control-plane',
    match: [{ when: {}, parse: ['kube-audit'], dataset: 'kubernetes.audit_logs' }],
  },
  formats: [kubeAudit],
})

function idsOf(lines: readonly string[]): readonly string[] | undefined {
  const raw = Buffer.from(lines.map((line) => `${line}\n`).join(''))
  const batch = batchOf({ class: 'control-plane', count: lines.length, rawBytes: raw.length })
  const { events } = processBatch(newStreamState(), batch, { raw, receivedMs: RECEIVED_MS, pipeline })
  return foreignIdsOf(events!)
}

/** As the log file has it; in a list of the webhook the two members before it are missing. */
const [kindAndVersion, ofEvent] = [
  '"kind":"Event","apiVersion":"audit.k8s.io/v1",',
  kubeAudit.example.split('"audit.k8s.io/v1",')[1]!,
]
const ofFile = `{${kindAndVersion}${ofEvent}`
const ofWebhook = `{${ofEvent}`
const list = (...items: string[]): string =>
  `{"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{},"items":[${items.join()}]}`
const other = (name: string, value: string): string =>
  ofWebhook.replace(new RegExp(`"${name}":"[^"]*"`), `"${name}":"${value}"`)

test('an audit event has one id, from the log file, from the webhook, and within a list', () => {
  const [id] = idsOf([ofFile])!
  expect(id).toMatch(/^7e0cbccf-8d8a-4f5f-aefb-60b8af2d2ad5\|ResponseStarted\|/)
  expect(idsOf(['no event', ofWebhook, list(ofWebhook, other('stage', 'Panic')), ofFile])).toEqual([
    '',
    id,
    id,
    expect.stringContaining('|Panic|'),
    id,
  ])
})

test('another stage, and another request that took over the id, are other events', () => {
  const lines = [
    ofFile,
    other('stage', 'ResponseComplete'),
    other('requestReceivedTimestamp', '2026-11-24T08:00:07.120000Z'),
    other('stageTimestamp', '2026-11-24T08:00:07.120000Z'),
  ]
  expect(new Set(idsOf(lines)).size).toBe(4)
})

test('an event without a time of the server has no id', () => {
  expect(idsOf([ofFile.replace(/"stageTimestamp":"[^"]*",/, '')])).toBeUndefined()
})

test('an Event has an id where the API server gave it, and none where somebody pushed it', () => {
  const events = pipelineOf({
    spec: {
      class: 'posture',
      match: [{ when: {}, parse: ['kubernetes-event'], dataset: 'kubernetes.event' }],
    },
    formats: [kubernetesEvent],
  })
  const raw = Buffer.from(`${kubernetesEvent.example}\n`)
  const idsFrom = (kind: string): readonly string[] | undefined => {
    const provenance = { ...batchOf().provenance, kind }
    const batch = batchOf({ class: 'posture', provenance, count: 1, rawBytes: raw.length })
    const made = processBatch(newStreamState(), batch, { raw, receivedMs: RECEIVED_MS, pipeline: events })
    return foreignIdsOf(made.events!)
  }
  expect(idsFrom('kubernetes')).toEqual(['1d3c9d1e-7a39-4b76-9b0b-3f3f5d1c0b11|4711'])
  expect(idsFrom('http')).toBeUndefined()
})
