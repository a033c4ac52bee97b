import { readdirSync, statSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { DecklogError, diskError } from '../../core/errors.ts'
import { AppendFile, frameOf, jsonFrame, readFrames } from './frames.ts'

const NAME = /^journal-(\d{10})\.log$/
const FRAME_HEAD_BYTES = 8

/** Where an entry's payload stands. */
export interface EntryPlace {
  readonly file: number
  readonly offset: number
  readonly length: number
}

/** First frame of each file: how long the one before is, so that what a failed flush left there never counts. */
interface FileHeader {
  readonly format: 1
  readonly previous: { readonly file: number; readonly length: number } | null
}

/** The write-ahead log: whatever is in it is stored. Entries are written in groups, one flush a group. */
export class Journal {
  readonly #directory: string
  readonly #fileBytesMax: number
  #file: AppendFile | undefined
  #number: number
  /** Of the file before, when a new one has to be begun. */
  #previous: FileHeader['previous']

  /** A file is closed, and a new one begun, above `fileBytesMax`. */
  constructor(
    directory: string,
    options: { readonly last: FileHeader['previous']; readonly fileBytesMax: number },
  ) {
    const { last } = options
    this.#directory = directory
    this.#fileBytesMax = options.fileBytesMax
    this.#number = last?.file ?? 0
    this.#previous = last
  }

  /** The file that is written now, or written last. */
  get file(): number {
    return this.#number
  }

  /** @throws {DecklogError} retryable; then nothing of `payloads` is stored */
  async append(payloads: readonly (readonly Uint8Array[])[]): Promise<EntryPlace[]> {
    const what = `append to the journal in ${this.#directory}`
    try {
      const file = await this.#writable()
      const chunks = payloads.flatMap((parts) => frameOf(parts))
      const places: EntryPlace[] = []
      let offset = file.length
      for (const parts of payloads) {
        const length = parts.reduce((sum, part) => sum + part.byteLength, 0)
        places.push({ file: this.#number, offset: offset + FRAME_HEAD_BYTES, length })
        offset += FRAME_HEAD_BYTES + length
      }
      await file.append(chunks, 'store-commit-inside')
      return places
    } catch (error) {
      throw diskError(error, what)
    }
  }

  /** Deletes files below `file`: all that was in them is kept elsewhere. */
  async removeBefore(file: number): Promise<void> {
    for (const number of journalFiles(this.#directory)) {
      if (number < file && number !== this.#number)
        await rm(journalPath(this.#directory, number), { force: true })
    }
  }

  async close(): Promise<void> {
    await this.#file?.close()
    this.#file = undefined
  }

  async #writable(): Promise<AppendFile> {
    const file = this.#file
    if (file !== undefined && !file.broken && file.length < this.#fileBytesMax) return file
    if (file !== undefined) {
      this.#previous = { file: this.#number, length: file.length }
      this.#file = undefined
      await file.close().catch(() => undefined)
    }
    const number = this.#number + 1
    const next = await AppendFile.open(journalPath(this.#directory, number), 0)
    this.#number = number
    this.#file = next
    const header: FileHeader = { format: 1, previous: this.#previous }
    try {
      await next.append(jsonFrame(header))
    } catch (error) {
      // A file without its header never counts: it is left behind empty and the next number is taken.
      this.#file = undefined
      await next.close().catch(() => undefined)
      throw error
    }
    return next
  }
}

export function journalPath(directory: string, file: number): string {
  return join(directory, `journal-${String(file).padStart(10, '0')}.log`)
}

/** Numbers of the journal's files, rising. */
export function journalFiles(directory: string): number[] {
  const numbers: number[] = []
  for (const name of readdirSync(directory)) {
    const match = NAME.exec(name)
    if (match) numbers.push(Number(match[1]))
  }
  return numbers.sort((a, b) => a - b)
}

/**
 * Reads the entries of all files in order; a torn end of the last one does not count. Returns the last file and its good
 * length, for the next one to name.
 * @throws {DecklogError} `state-corrupt` when a file is shorter than the next one says
 */
export function replayJournal(
  directory: string,
  entry: (payload: Buffer, place: EntryPlace) => void,
): FileHeader['previous'] {
  const files = journalFiles(directory)
  let last: FileHeader['previous'] = null
  for (const [at, file] of files.entries()) {
    const limit = lengthSaidByNext(directory, files.slice(at + 1), file)
    const good = replayFile(directory, file, limit ?? Number.POSITIVE_INFINITY, entry)
    if (limit !== undefined && good < limit) throw torn(directory, file, good, limit)
    last = { file, length: good }
  }
  return last
}

function replayFile(
  directory: string,
  file: number,
  limit: number,
  entry: (payload: Buffer, place: EntryPlace) => void,
): number {
  const frames = readFrames(journalPath(directory, file), limit)
  let isHeader = true
  for (;;) {
    const step = frames.next()
    if (step.done) return step.value
    const { payload, offset } = step.value
    if (!isHeader) entry(payload, { file, offset, length: payload.byteLength })
    isHeader = false
  }
}

/** The first later file with a header of its own that names `file`; files without a header never held anything. */
function lengthSaidByNext(directory: string, later: readonly number[], file: number): number | undefined {
  for (const number of later) {
    const path = journalPath(directory, number)
    if (statSync(path).size === 0) continue
    const first = readFrames(path).next()
    if (first.done) continue
    const header = JSON.parse(first.value.payload.toString('utf8')) as FileHeader
    return header.previous?.file === file ? header.previous.length : undefined
  }
  return undefined
}

function torn(directory: string, file: number, good: number, expected: number): DecklogError {
  return new DecklogError(
    'state-corrupt',
    `${journalPath(directory, file)} is damaged: ${good} of ${expected} bytes are good. Restore it, or move it away to go on without its events`,
  )
}
