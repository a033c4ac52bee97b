import fc from 'fast-check'
import { expect, test } from 'vitest'
import { applyRecord, type ShipState } from '../../src/roles/ship/apply-record.ts'
import { headAfter } from '../../src/roles/ship/batch-of-cut.ts'
import type { Cut, StateRecord, StreamState } from '../../src/roles/ship/records.ts'

const STREAM = 'f'.repeat(24)

function newState(): ShipState {
  return { lineage: '', stateLost: null, streams: new Map(), contexts: [] }
}

function created(): StreamState {
  const group = {
    key: 'k',
    class: 'ssh',
    kind: 'file',
    format: 'syslog',
    names: {},
    livePath: '/x',
    root: '/',
    history: false,
  }
  return {
    number: 1,
    key: 'k',
    id: STREAM,
    cluster: 'c',
    node: 'n',
    group,
    sinceMs: 0,
    version: 0,
    nextSeq: 0,
    nextOrdinal: 0,
    streamOffset: 0,
    head: '0'.repeat(64),
    fragment: 0,
    idle: true,
    closed: false,
    losses: [],
    files: [],
    finished: [],
    open: [],
  }
}

/** What a journal holds after these steps: cuts, files that change, cuts that settle. */
function journalOf(steps: readonly ('cut' | 'move' | 'settle')[]): StateRecord[] {
  const context = { class: 'ssh', format: 'syslog', pipelineVersion: '1', run: 'r' }
  const records: StateRecord[] = [
    { kind: 'context', index: 0, context },
    { kind: 'stream', state: created() },
  ]
  let version = 0
  let ordinal = 0
  let head = '0'.repeat(64)
  const position = { id: '1:2', offset: 0, head: '', headBytes: 0, tail: '', tailBytes: 0 }
  for (const step of steps) {
    if (step === 'settle') records.push({ kind: 'settled', stream: 1, ordinal: Math.max(0, ordinal - 1) })
    else if (step === 'move') {
      const files = [{ ...position, offset: ordinal * 10, path: '/x' }]
      records.push({ kind: 'move', stream: 1, version: ++version, files, finished: [], losses: [] })
    } else {
      const cut: Cut = {
        ordinal,
        context: 0,
        firstSeq: ordinal,
        count: 1,
        fragment: null,
        file: '1:2',
        from: ordinal * 10,
        to: ordinal * 10 + 10,
        streamOffset: ordinal * 10,
        rawBytes: 10,
        codec: 'none',
        digest: '0'.repeat(64),
        previous: head,
        wallTimeMs: 0,
        monotonicNs: '0',
        marks: [],
        losses: [],
      }
      head = headAfter(STREAM, cut)
      ordinal++
      records.push({ kind: 'cut', stream: 1, version: ++version, cut, at: { ...position, offset: cut.to } })
    }
  }
  return records
}

function applyAll(state: ShipState, records: readonly StateRecord[]): ShipState {
  for (const record of records) expect(applyRecord(state, structuredClone(record))).toBeUndefined()
  return state
}

const histories = fc.array(
  fc.constantFrom('cut' as const, 'cut' as const, 'move' as const, 'settle' as const),
  { maxLength: 30 },
)

test('a checkpoint of any moment, with a journal that begins at any earlier one, gives the same state', () => {
  fc.assert(
    fc.property(histories, fc.nat(), fc.nat(), (steps, a, b) => {
      const records = journalOf(steps)
      const taken = a % (records.length + 1)
      const from = b % (taken + 1)
      const checkpoint = structuredClone(applyAll(newState(), records.slice(0, taken)))
      expect(applyAll(checkpoint, records.slice(from))).toEqual(applyAll(newState(), records))
    }),
  )
})

test('a record that is missing is noticed', () => {
  const records = journalOf(['move', 'cut', 'cut', 'move', 'cut'])
  for (let missing = 2; missing < records.length - 1; missing++) {
    const state = newState()
    const problems = records
      .filter((_, index) => index !== missing)
      .map((record) => applyRecord(state, structuredClone(record)))
    expect(problems.some((problem) => problem !== undefined)).toBe(true)
  }
})
