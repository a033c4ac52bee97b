import type { Mark } from '../../core/batch.ts'
import type { Clock } from '../../ports/clock.ts'
import { fingerprint, HEAD_BYTES_MAX, TAIL_BYTES_MAX } from '../../sources/fingerprint.ts'
import { readFully } from '../../sources/open-log.ts'
import type { ChunkCut } from './cut-chunk.ts'
import { keepTail } from './followed-file.ts'
import type { FollowedFile, Follower } from './follower.ts'
import { digestOf, packPayload } from './pack.ts'
import type { Cut, StreamFile } from './records.ts'

/** What was read: `bytes` begins `tailBytes` before the file's offset. */
export interface Chunk {
  readonly bytes: Buffer
  readonly tailBytes: number
}

export interface Decided {
  readonly cut: Cut
  readonly payload: Uint8Array
  readonly at: StreamFile | null
}

const EMPTY = Buffer.alloc(0)
const NO_DIGEST = digestOf(EMPTY)

/** Makes the next cut of the first file out of what was read. The payload may be a view into the chunk. */
export function decideCut(
  follower: Follower,
  chunk: Chunk,
  part: ChunkCut,
  contextIndex: number,
  clock: Clock,
): Decided {
  const { stream } = follower
  const file = follower.files[0]!
  const raw = chunk.bytes.subarray(chunk.tailBytes, chunk.tailBytes + part.end)
  const { codec, payload } = packPayload(raw)
  const cut: Cut = {
    ...blank(follower, contextIndex, clock, []),
    count: part.count,
    fragment: part.fragment ? { index: stream.fragment, last: part.last } : null,
    to: file.position.offset + part.end,
    rawBytes: part.end,
    codec,
    digest: digestOf(raw),
  }
  return { cut, payload, at: positionAfter(file, chunk, part.end) }
}

/** A cut without bytes: marks, losses, or the end of a record whose rest is gone. */
export function decideEmptyCut(
  follower: Follower,
  marks: readonly Mark[],
  contextIndex: number,
  clock: Clock,
): Decided {
  const cut = blank(follower, contextIndex, clock, marks)
  return { cut, payload: EMPTY, at: null }
}

export function decideRecordEnd(follower: Follower, contextIndex: number, clock: Clock): Decided {
  const cut = blank(follower, contextIndex, clock, [])
  const fragment = { index: follower.stream.fragment, last: true }
  return { cut: { ...cut, count: 1, fragment }, payload: EMPTY, at: null }
}

function blank(follower: Follower, contextIndex: number, clock: Clock, marks: readonly Mark[]): Cut {
  const { stream } = follower
  const position = follower.files[0]?.position ?? stream.finished.at(-1)
  const offset = position?.offset ?? 0
  return {
    ordinal: stream.nextOrdinal,
    context: contextIndex,
    firstSeq: stream.nextSeq,
    count: 0,
    fragment: null,
    file: position?.id ?? '',
    from: offset,
    to: offset,
    streamOffset: stream.streamOffset,
    rawBytes: 0,
    codec: 'none',
    digest: NO_DIGEST,
    previous: stream.head,
    wallTimeMs: clock.now(),
    monotonicNs: clock.monotonicNs().toString(),
    marks,
    losses: stream.losses,
  }
}

/** Moves the file past the cut, and keeps what will tell it apart. */
function positionAfter(file: FollowedFile, chunk: Chunk, end: number): StreamFile {
  const { position } = file
  const offset = position.offset + end
  const upTo = chunk.tailBytes + end
  const tail = chunk.bytes.subarray(Math.max(0, upTo - TAIL_BYTES_MAX), upTo)
  keepTail(file, tail)
  file.position = {
    ...position,
    ...headAfter(file, chunk, offset),
    offset,
    tail: fingerprint(tail),
    tailBytes: tail.length,
  }
  return file.position
}

function headAfter(file: FollowedFile, chunk: Chunk, offset: number): Pick<StreamFile, 'head' | 'headBytes'> {
  const { head, headBytes } = file.position
  if (headBytes === HEAD_BYTES_MAX || headBytes === offset) return { head, headBytes }
  const bytes = firstBytes(file, chunk, Math.min(HEAD_BYTES_MAX, offset))
  return { head: fingerprint(bytes), headBytes: bytes.length }
}

function firstBytes(file: FollowedFile, chunk: Chunk, length: number): Buffer {
  if (file.position.offset === chunk.tailBytes) return chunk.bytes.subarray(0, length)
  const bytes = Buffer.alloc(length)
  return bytes.subarray(0, readFully(file.fd!, bytes, length, 0))
}
