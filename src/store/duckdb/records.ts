import { closeSync, existsSync, openSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { DecklogError, diskError } from '../../core/errors.ts'
import type { Asking, Scope, StoredRecord } from '../../ports/store.ts'
import { AppendFile, frameOf, goodLength, jsonFrame, readFrames, replaceFile } from './frames.ts'

/** In memory: where a record stands, and what it is found and ordered by. Bodies stay on disk. */
interface Place {
  readonly kind: string
  readonly id: string
  readonly version: number
  readonly updatedMs: number
  /** From the body, for the scope; a record without them is seen by whoever sees all. */
  readonly class: string | undefined
  readonly tenant: string | undefined
  readonly offset: number
  readonly length: number
}

type Line = { readonly put: StoredRecord } | { readonly del: readonly [kind: string, id: string] }

const COMPACT_BYTES_MIN = 4 * 1024 * 1024
const FRAME_HEAD_BYTES = 8

/** Alerts, sessions, dead letters: a log of versions, rewritten when most of it is history. */
export class Records {
  readonly #path: string
  readonly #places = new Map<string, Place>()
  #file: AppendFile | undefined
  #liveBytes = 0
  /** Changes are made one after the other. */
  #turn: Promise<unknown> = Promise.resolve()

  constructor(directory: string) {
    this.#path = join(directory, 'records.log')
  }

  /** Reads what is there; writes nothing. */
  load(): void {
    this.#places.clear()
    this.#liveBytes = 0
    if (!existsSync(this.#path)) return
    for (const { payload, offset } of readFrames(this.#path)) {
      this.#take(JSON.parse(payload.toString('utf8')) as Line, offset, payload.byteLength)
    }
  }

  /** @throws {DecklogError} retryable when `version` does not follow the stored one, or the disk fails */
  put(record: StoredRecord): Promise<void> {
    return this.#inTurn(async () => {
      const stored = this.#places.get(keyOf(record.kind, record.id))?.version ?? 0
      if (record.version !== stored + 1) {
        const message = `the ${record.kind} has version ${stored}, not ${record.version - 1}: read it again and repeat the change`
        throw new DecklogError('internal', message, { retryable: true })
      }
      await this.#append({ put: record })
    })
  }

  delete(kind: string, id: string): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#places.has(keyOf(kind, id))) await this.#append({ del: [kind, id] })
    })
  }

  get(kind: string, id: string, { scope }: Asking): StoredRecord | undefined {
    const place = this.#places.get(keyOf(kind, id))
    return place === undefined || !isSeen(place, scope) ? undefined : this.#read(place)
  }

  /** Newest change first. */
  list(
    kind: string,
    asking: Asking & { readonly limit: number; readonly cursor?: string },
  ): { readonly records: StoredRecord[]; readonly cursor?: string } {
    const places = [...this.#places.values()].filter(
      (place) => place.kind === kind && isSeen(place, asking.scope),
    )
    places.sort(byChange)
    const after = asking.cursor === undefined ? undefined : parseCursor(asking.cursor)
    const rest = after === undefined ? places : places.filter((place) => byChange(place, after) > 0)
    const page = rest.slice(0, asking.limit)
    const records = page.map((place) => this.#read(place))
    const last = page.at(-1)
    return rest.length > page.length && last !== undefined
      ? { records, cursor: Buffer.from(JSON.stringify([last.updatedMs, last.id])).toString('base64url') }
      : { records }
  }

  async close(): Promise<void> {
    await this.#turn.catch(() => undefined)
    await this.#file?.close()
    this.#file = undefined
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work, work)
    this.#turn = done.catch(() => undefined)
    return done
  }

  async #append(line: Line): Promise<void> {
    try {
      const file = await this.#writable()
      const frame = jsonFrame(line)
      const offset = file.length + FRAME_HEAD_BYTES
      await file.append(frame)
      this.#take(line, offset, file.length - offset)
    } catch (error) {
      throw error instanceof DecklogError ? error : diskError(error, `write ${this.#path}`)
    }
  }

  async #writable(): Promise<AppendFile> {
    const file = this.#file
    const isFull = file !== undefined && file.length > COMPACT_BYTES_MIN && file.length > this.#liveBytes * 3
    if (file !== undefined && !file.broken && !isFull) return file
    if (file !== undefined) {
      this.#file = undefined
      await file.close().catch(() => undefined)
      if (isFull) await this.#compact()
    }
    this.#file = await AppendFile.open(this.#path, existsSync(this.#path) ? goodLength(this.#path) : 0)
    return this.#file
  }

  async #compact(): Promise<void> {
    const places = [...this.#places.values()]
    await replaceFile(this.#path, this.#frames(places))
    this.load()
  }

  *#frames(places: readonly Place[]): Generator<Uint8Array[]> {
    for (const place of places) yield frameOf([this.#bytes(place)])
  }

  #take(line: Line, offset: number, length: number): void {
    const key = 'put' in line ? keyOf(line.put.kind, line.put.id) : keyOf(...line.del)
    this.#liveBytes -= this.#places.get(key)?.length ?? 0
    this.#places.delete(key)
    if (!('put' in line)) return
    const { kind, id, version, updatedMs, body } = line.put
    const [className, tenant] = [body['class'], body['tenant'] ?? body['cluster']].map(textOf)
    this.#places.set(key, { kind, id, version, updatedMs, class: className, tenant, offset, length })
    this.#liveBytes += length
  }

  #read(place: Place): StoredRecord {
    const line = JSON.parse(this.#bytes(place).toString('utf8')) as Line
    return (line as { put: StoredRecord }).put
  }

  #bytes({ offset, length }: Place): Buffer {
    const file = openSync(this.#path, 'r')
    try {
      const bytes = Buffer.alloc(length)
      readSync(file, bytes, 0, length, offset)
      return bytes
    } finally {
      closeSync(file)
    }
  }
}

function keyOf(kind: string, id: string): string {
  return `${kind.length}:${kind}${id}`
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

function isSeen(place: Place, { classes, clusters }: Scope): boolean {
  const classFits = classes === '*' || (place.class !== undefined && classes.includes(place.class))
  return classFits && (clusters === '*' || (place.tenant !== undefined && clusters.includes(place.tenant)))
}

function byChange(a: Pick<Place, 'updatedMs' | 'id'>, b: Pick<Place, 'updatedMs' | 'id'>): number {
  return b.updatedMs - a.updatedMs || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0)
}

function parseCursor(cursor: string): Pick<Place, 'updatedMs' | 'id'> {
  try {
    const [updatedMs, id] = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8')) as unknown[]
    if (typeof updatedMs === 'number' && typeof id === 'string') return { updatedMs, id }
  } catch {
    // Said below, as for a cursor of another shape.
  }
  throw new DecklogError('query-invalid', 'the cursor is none of ours: begin again without it')
}
