import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { coderOf, crc64Avro } from '../../src/codec/avro.ts'
import { decodeEventBatch, encodeEventBatch } from '../../src/codec/event-batch.ts'
import { decodeRawBatch, encodeRawBatch, rawBatchSchemaJson } from '../../src/codec/raw-batch.ts'
import type { RawBatch } from '../../src/core/batch.ts'
import { EventIndex, EventIndexWriter } from '../../src/core/event-batch.ts'
import { CHAIN_START, chainHead } from '../../src/core/identity.ts'

const raw: RawBatch = {
  stream: '0123456789abcdef01234567',
  lineage: '0011223344556677',
  class: 'pod',
  tenant: 'prod-eu-1',
  provenance: {
    cluster: 'prod-eu-1',
    node: 'n1',
    kind: 'pods',
    format: 'cri',
    names: { pod: 'web-0', __proto__x: 'y' },
  },
  firstSeq: 2 ** 40,
  count: 2,
  fragment: null,
  source: { file: '1:2', from: 10, to: 25 },
  streamOffset: 2 ** 41,
  rawBytes: 15,
  codec: 'zstd',
  digest: new Uint8Array(32).fill(7),
  digestKind: 'plain',
  previous: CHAIN_START,
  wallTimeMs: 1_795_500_000_123,
  monotonicNs: 2n ** 63n + 5n,
  marks: ['idle'],
  losses: [{ firstSeq: 5, count: 0, bytes: -1, reason: 'truncated', detail: 'x' }],
  sender: { id: 's', run: 'r' },
  keyEpoch: null,
  signature: null,
  pipelineVersion: 'abc',
  extra: {},
  payload: Uint8Array.from([0, 255, 10, 13, 0x80]),
}

describe('raw batch on the wire', () => {
  test('comes back as it was, with every field', () => {
    const back = decodeRawBatch(encodeRawBatch(raw))
    expect(plain(back)).toEqual(plain(raw))
    const signed = {
      ...raw,
      keyEpoch: 4,
      signature: new Uint8Array([1, 2]),
      fragment: { index: 3, last: true },
    }
    expect(plain(decodeRawBatch(encodeRawBatch(signed)))).toEqual(plain(signed))
  })

  test('is an Avro single object: magic, then the fingerprint of the schema', () => {
    const bytes = encodeRawBatch(raw)
    expect([bytes[0], bytes[1]]).toEqual([0xc3, 0x01])
    // The value that the Avro specification gives for the schema "int" in canonical form.
    expect(crc64Avro(Buffer.from('"int"')).toString(16)).toBe('7275d51a3f395c8f')
  })

  test('an old reader reads a new batch, and a new reader an old one', () => {
    const grown = JSON.parse(rawBatchSchemaJson) as { fields: unknown[] }
    grown.fields.push({ name: 'addedLater', type: 'string', default: 'unset' })
    const newer = coderOf<Record<string, unknown>>(JSON.stringify(grown), [rawBatchSchemaJson])
    const older = coderOf<Record<string, unknown>>(rawBatchSchemaJson)
    const wire = older.decode(encodeRawBatch(raw))
    const fromNew = older.decode(newer.encode({ ...wire, addedLater: 'x' }))
    expect(fromNew['addedLater']).toBeUndefined()
    expect(plain(fromNew)).toEqual(plain(wire))
    const fromOld = newer.decode(older.encode(wire))
    expect(fromOld['addedLater']).toBe('unset')
    expect(fromOld['firstSeq']).toBe(raw.firstSeq)
  })

  test('bytes that are no batch are refused, whatever they are', () => {
    const good = encodeRawBatch(raw)
    expect(() => decodeRawBatch(good.subarray(0, good.length - 1))).toThrow()
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(() => decodeRawBatch(bytes)).toThrow()
      }),
    )
  })

  test('the schemas hold every field of the envelopes', () => {
    const names = (JSON.parse(rawBatchSchemaJson) as { fields: { name: string }[] }).fields.map(
      (field) => field.name,
    )
    expect(names.sort()).toEqual(Object.keys(raw).sort())
    expect(readFileSync(new URL('../../schemas/event-batch.avsc', import.meta.url), 'utf8')).toContain(
      'moreRanges',
    )
  })
})

describe('event batch on the wire', () => {
  test('comes back as it was, and its index is read without a copy', () => {
    const writer = new EventIndexWriter()
    for (let i = 0; i < 1000; i++) {
      writer.add({
        firstSeq: i * 2,
        lastSeq: i * 2 + 1,
        timeNs: 1_795_500_000_000_000_000n + BigInt(i),
        offset: i * 10,
        length: 9,
        n: i % 3,
        flags: 1,
        rules: i % 2,
        ranges: i === 7 ? 1 : 0,
      })
    }
    const batch = {
      stream: raw.stream,
      class: 'ssh',
      tenant: 't',
      node: 'n',
      dataStream: 'logs-system.auth-t.ssh',
      receivedMs: 5,
      lineage: raw.lineage,
      covers: [{ first: 1, last: 2, reason: 'skipped' as const, detail: '' }],
      losses: [{ atSeq: 4, bytes: 10, reason: 'truncated', detail: 'd' }],
      index: writer.bytes(),
      ruleSets: [['a', 'b']],
      moreRanges: [
        [
          [14, 14],
          [20, 22],
        ] as const,
      ],
      pipelineVersion: 'v',
      codec: 'none' as const,
      documentBytes: 3,
      documents: Buffer.from('{}\n'),
      extra: {},
    }
    const back = decodeEventBatch(encodeEventBatch(batch))
    expect(plain(back)).toEqual(plain(batch))
    const index = new EventIndex(back)
    expect(index.count).toBe(1000)
    expect(index.id(3)).toBe(`${raw.stream}:6`)
    expect(index.id(4)).toBe(`${raw.stream}:8.1`)
    expect(index.timeNs(999)).toBe(1_795_500_000_000_000_999n)
    expect(index.ranges(7)).toEqual([
      [14, 14],
      [20, 22],
    ])
    expect(index.ranges(8)).toEqual([[16, 17]])
    expect(index.rules(1)).toEqual(['a', 'b'])
    expect(index.rules(2)).toEqual([])
  })
})

describe('the chain', () => {
  test('depends on what a batch holds and not on when or how it is sent', () => {
    const head = chainHead(raw)
    const sentLater: RawBatch = { ...raw, wallTimeMs: 1, codec: 'none' }
    expect(chainHead(sentLater)).toEqual(head)
    expect(chainHead({ ...raw, count: 3 })).not.toEqual(head)
    expect(chainHead({ ...raw, previous: new Uint8Array(32).fill(1) })).not.toEqual(head)
    expect(chainHead({ ...raw, losses: [] })).not.toEqual(head)
  })
})

function plain(value: object): unknown {
  return JSON.parse(
    JSON.stringify(value, (_, one: unknown) => {
      if (typeof one === 'bigint') return one.toString()
      if (one instanceof Uint8Array) return Buffer.from(one).toString('hex')
      if (one !== null && typeof one === 'object' && (one as { type?: string }).type === 'Buffer') {
        return Buffer.from((one as { data: number[] }).data).toString('hex')
      }
      return one
    }),
  )
}
