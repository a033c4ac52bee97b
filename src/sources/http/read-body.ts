import type { IncomingMessage } from 'node:http'
import type { Transform } from 'node:stream'
import { createGunzip, createInflate, createZstdDecompress } from 'node:zlib'
import { type Answer, refusal } from './answer.ts'
import type { MemoryBudget } from './budget.ts'

export interface BodyLimits {
  /** As it comes over the wire, and unpacked. */
  readonly bodyMax: number
  readonly unpackedMax: number
  /** Unpacked bytes for each packed one, once there is more than 1 MiB of them. */
  readonly ratioMax: number
}

const RATIO_FROM_BYTES = 1024 * 1024
const CHUNK_BYTES = 64 * 1024

/** `identity` is undefined; what is not known is `unknown`. */
export function unpackerOf(encoding: string | undefined): (() => Transform) | 'unknown' | undefined {
  switch ((encoding ?? 'identity').trim().toLowerCase()) {
    case '':
    case 'identity':
      return undefined
    case 'gzip':
    case 'x-gzip':
      return () => createGunzip({ chunkSize: CHUNK_BYTES })
    case 'deflate':
      return () => createInflate({ chunkSize: CHUNK_BYTES })
    case 'zstd':
      return () => createZstdDecompress({ chunkSize: CHUNK_BYTES })
    default:
      return 'unknown'
  }
}

/**
 * Reads a body, unpacks it, and stops at the first limit: nothing is unpacked that is not kept. What it keeps is taken from `memory`;
 * the caller gives `body.length` back. Undefined: the sender went away.
 */
export async function readBody(
  request: IncomingMessage,
  limits: BodyLimits,
  memory: MemoryBudget,
): Promise<Buffer | Answer | undefined> {
  const unpacker = unpackerOf(request.headers['content-encoding'])
  if (unpacker === 'unknown') {
    return refusal(415, 'encoding', 'content-encoding is gzip, deflate, zstd or none')
  }
  const kept = new Kept(limits, memory)
  const done =
    unpacker === undefined ? await readPlain(request, kept) : await unpack(request, unpacker(), kept)
  if (done === 'whole') return kept.take()
  kept.drop()
  return done
}

type Read = 'whole' | Answer | undefined

async function readPlain(request: IncomingMessage, kept: Kept): Promise<Read> {
  try {
    // Leaving the loop must not end the connection: the answer still goes over it.
    for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      const refused = kept.packed(chunk.length) ?? kept.add(chunk)
      if (refused !== undefined) return refused
    }
    return request.complete ? 'whole' : undefined
  } catch {
    return undefined
  }
}

async function unpack(request: IncomingMessage, unpacker: Transform, kept: Kept): Promise<Read> {
  let refused: Answer | undefined
  let isGone = false
  const feed = async (): Promise<void> => {
    try {
      for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
        refused ??= kept.packed(chunk.length)
        if (refused !== undefined || unpacker.destroyed) break
        if (!unpacker.write(chunk)) await drained(unpacker)
      }
    } catch {
      isGone = true
    }
    if (!request.complete && refused === undefined && !unpacker.destroyed) isGone = true
    if (isGone || refused !== undefined) unpacker.destroy()
    else unpacker.end()
  }
  const feeding = feed()
  try {
    for await (const chunk of unpacker as AsyncIterable<Buffer>) {
      refused ??= kept.add(chunk)
      if (refused !== undefined) break
    }
  } catch {
    refused ??= isGone
      ? undefined
      : refusal(400, 'packed', 'the body is not what its content-encoding says, or is torn')
  }
  unpacker.destroy()
  await feeding
  if (isGone) return undefined
  return refused ?? 'whole'
}

/** Resolves when it may be written to again, or never will be. */
function drained(stream: Transform): Promise<void> {
  return new Promise((resolve) => {
    if (stream.destroyed) return resolve()
    const done = (): void => {
      stream.off('drain', done).off('close', done).off('error', done)
      resolve()
    }
    stream.once('drain', done).once('close', done).once('error', done)
  })
}

class Kept {
  readonly #limits: BodyLimits
  readonly #memory: MemoryBudget
  #chunks: Buffer[] = []
  #bytes = 0
  #packedBytes = 0

  constructor(limits: BodyLimits, memory: MemoryBudget) {
    this.#limits = limits
    this.#memory = memory
  }

  packed(bytes: number): Answer | undefined {
    this.#packedBytes += bytes
    return this.#packedBytes > this.#limits.bodyMax ? tooLarge(this.#limits.bodyMax, 'its body') : undefined
  }

  add(chunk: Buffer): Answer | undefined {
    const { unpackedMax, ratioMax } = this.#limits
    const bytes = this.#bytes + chunk.length
    if (bytes > unpackedMax) return tooLarge(unpackedMax, 'its body, unpacked,')
    if (bytes > RATIO_FROM_BYTES && bytes > this.#packedBytes * ratioMax) {
      return refusal(413, 'bomb', `a body may unpack to ${ratioMax} times its size`)
    }
    if (!this.#memory.take(chunk.length)) {
      return refusal(503, 'memory', 'too much is being read just now; send it again later', { retryAfter: 1 })
    }
    this.#bytes = bytes
    this.#chunks.push(chunk)
    return undefined
  }

  take(): Buffer {
    return this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks)
  }

  drop(): void {
    this.#memory.giveBack(this.#bytes)
    this.#chunks = []
    this.#bytes = 0
  }
}

export function tooLarge(bytesMax: number, what: string): Answer {
  return refusal(413, 'too-large', `${what} may have ${bytesMax} bytes; send less at a time`)
}
