import { hash } from 'node:crypto'
import { existsSync, readdirSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { diskError } from '../../core/errors.ts'
import type { Claim } from '../../ports/store.ts'
import { ClaimTable } from './claim-table.ts'
import { AppendFile, frameOf, goodLength, readFrames } from './frames.ts'

/** As many ids are remembered at least, twice as many at most: 16 MB of memory for each. */
const GENERATION_CLAIMS = 500_000
const CLAIM_BYTES = 16
const NAME = /^claims-(\d{10})\.log$/

/**
 * Ids that senders gave, and the events that have them. Two generations, each a table in memory and a log of checked frames on disk:
 * when the younger one is full, the older one is forgotten.
 */
export class Claims {
  readonly #directory: string
  readonly #generationClaims: number
  #younger = new ClaimTable()
  #older = new ClaimTable()
  /** Of the younger generation's file. */
  #number = 0
  #file: AppendFile | undefined
  /** One call after the other. */
  #turn: Promise<unknown> = Promise.resolve()

  constructor(directory: string, { generationClaims = GENERATION_CLAIMS } = {}) {
    this.#directory = directory
    this.#generationClaims = generationClaims
  }

  /** Reads what is there; writes nothing. */
  load(): void {
    const numbers = existsSync(this.#directory) ? numbersIn(this.#directory) : []
    for (const number of numbers.slice(-2)) {
      this.#older = this.#younger
      this.#younger = new ClaimTable()
      this.#number = number
      for (const { payload } of readFrames(this.#path(number))) this.#take(payload)
    }
  }

  /** @throws {DecklogError} retryable, when the disk refuses; then none of them is made */
  claim(claims: readonly Claim[]): Promise<readonly boolean[]> {
    const call = this.#turn.then(() => this.#claim(claims))
    this.#turn = call.catch(() => undefined)
    return call
  }

  async close(): Promise<void> {
    await this.#turn
    await this.#file?.close()
    this.#file = undefined
  }

  async #claim(claims: readonly Claim[]): Promise<readonly boolean[]> {
    const fresh = new Map<string, Buffer>()
    const answers = claims.map((claim) => {
      const made = entryOf(claim)
      const key = made.toString('latin1', 0, 8)
      const owner = this.#ownerOf(made) ?? ownerIn(fresh.get(key))
      if (owner !== undefined) return owner[0] === made.readUInt32LE(8) && owner[1] === made.readUInt32LE(12)
      fresh.set(key, made)
      return true
    })
    if (fresh.size > 0) await this.#keep(Buffer.concat([...fresh.values()]))
    return answers
  }

  #ownerOf(entry: Buffer): readonly [number, number] | undefined {
    const [high, low] = [entry.readUInt32LE(0), entry.readUInt32LE(4)]
    return this.#younger.find(high, low) ?? this.#older.find(high, low)
  }

  async #keep(entries: Buffer): Promise<void> {
    try {
      const file = await this.#writable()
      await file.append(frameOf([entries]))
    } catch (error) {
      throw diskError(error, `keep the ids of events in ${this.#directory}`)
    }
    this.#take(entries)
  }

  #take(entries: Buffer): void {
    for (let at = 0; at + CLAIM_BYTES <= entries.length; at += CLAIM_BYTES) {
      const [keyHigh, keyLow] = [entries.readUInt32LE(at), entries.readUInt32LE(at + 4)]
      this.#younger.add(keyHigh, keyLow, entries.readUInt32LE(at + 8), entries.readUInt32LE(at + 12))
    }
  }

  async #writable(): Promise<AppendFile> {
    const isFull = this.#younger.count >= this.#generationClaims
    if (this.#file !== undefined && (this.#file.broken || isFull)) {
      await this.#file.close().catch(() => undefined)
      this.#file = undefined
    }
    if (isFull) await this.#nextGeneration()
    const path = this.#path(this.#number)
    this.#file ??= await AppendFile.open(path, existsSync(path) ? goodLength(path) : 0)
    return this.#file
  }

  async #nextGeneration(): Promise<void> {
    this.#older = this.#younger
    this.#younger = new ClaimTable()
    this.#number++
    for (const number of numbersIn(this.#directory)) {
      if (number < this.#number - 1) await rm(this.#path(number), { force: true })
    }
  }

  #path(number: number): string {
    return join(this.#directory, `claims-${String(number).padStart(10, '0')}.log`)
  }
}

/** Half a SHA-256 of the id in its cluster and class, and half a one of the event: nobody makes two that are equal. */
function entryOf({ tenant, class: className, id, event }: Claim): Buffer {
  const entry = Buffer.alloc(CLAIM_BYTES)
  Buffer.from(hash('sha256', `${tenant}\n${className}\n${id}`, 'hex'), 'hex').copy(entry, 0, 0, 8)
  Buffer.from(hash('sha256', event, 'hex'), 'hex').copy(entry, 8, 0, 8)
  return entry
}

function ownerIn(entry: Buffer | undefined): readonly [number, number] | undefined {
  return entry === undefined ? undefined : [entry.readUInt32LE(8), entry.readUInt32LE(12)]
}

function numbersIn(directory: string): number[] {
  const numbers = readdirSync(directory).flatMap((name) => {
    const match = NAME.exec(name)
    return match === null ? [] : [Number(match[1])]
  })
  return numbers.sort((a, b) => a - b)
}
