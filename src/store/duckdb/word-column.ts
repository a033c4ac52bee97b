import { cutAsciiWords, cutWords } from '../../core/words.ts'
import { TextColumn } from './text-columns.ts'
import type { ColumnChunk } from './parquet.ts'
import { hashBytes, mix, WORD_SEED, type HashSet } from './word-filter.ts'

/**
 * The column `_words`: words of the message, lower-cased, with one blank before each and one at the end, so that
 * `contains(_words, ' word ')` finds whole words and `' two words '` a phrase. Empty when there is no message, one blank
 * when it has no words. Every event passes here: ASCII messages are cut on their bytes.
 */
export class WordColumn {
  readonly #text = new TextColumn()
  readonly #hashes: HashSet
  #scratch = Buffer.allocUnsafe(64 * 1024)
  #start = 0

  constructor(hashes: HashSet) {
    this.#hashes = hashes
  }

  /** Begins an event's value. */
  begin(): void {
    this.#start = this.#text.reserve(4)
    this.#text.length += 4
  }

  /** Bytes of a JSON string between its quotes. */
  addJson(bytes: Uint8Array, start: number, end: number): void {
    const length = this.#unescapeAscii(bytes, start, end)
    if (length >= 0) this.#addAscii(length)
    else this.addText(textOf(bytes, start, end))
  }

  addText(text: string): void {
    for (const word of cutWords(text)) this.#addWord(Buffer.from(word))
  }

  /** Ends the value. */
  end(hasMessage: boolean): void {
    if (hasMessage) {
      const at = this.#text.reserve(1)
      this.#text.bytes[at] = 0x20
      this.#text.length = at + 1
    }
    this.#text.bytes.writeUInt32LE(this.#text.length - this.#start - 4, this.#start)
  }

  take(rows: number): ColumnChunk {
    return this.#text.take(rows)
  }

  /** Lower-cased into the scratch buffer; -1 when it is not ASCII throughout. */
  #unescapeAscii(bytes: Uint8Array, start: number, end: number): number {
    if (end - start > this.#scratch.byteLength) this.#scratch = Buffer.allocUnsafe((end - start) * 2)
    const out = this.#scratch
    let to = 0
    for (let at = start; at < end; at++) {
      let byte = bytes[at]!
      if (byte > 127) return -1
      if (byte === 0x5c) {
        byte = UNESCAPED[bytes[++at]!]!
        if (byte === 0) return -1
      } else if (byte >= 0x41 && byte <= 0x5a) byte += 32
      out[to++] = byte
    }
    return to
  }

  #addAscii(length: number): void {
    const scratch = this.#scratch
    const text = this.#text
    // A blank before each word: at most as many as there are bytes.
    let at = text.reserve(length * 2 + 2)
    const out = text.bytes
    const hashes = this.#hashes
    cutAsciiWords(scratch, 0, length, (from, to) => {
      out[at++] = 0x20
      let hash = WORD_SEED
      for (let i = from; i < to; i++) {
        const byte = scratch[i]!
        out[at++] = byte
        hash = Math.imul(hash ^ byte, 0x01000193)
      }
      hashes.add(mix(hash))
    })
    text.length = at
  }

  #addWord(word: Uint8Array): void {
    const at = this.#text.reserve(word.byteLength + 1)
    this.#text.bytes[at] = 0x20
    this.#text.bytes.set(word, at + 1)
    this.#text.length = at + 1 + word.byteLength
    this.#hashes.add(mix(hashBytes(WORD_SEED, word, 0, word.byteLength)))
  }
}

/** What follows a backslash; 0 where only the slow way knows. */
const UNESCAPED = new Uint8Array(256)
for (const [escape, byte] of Object.entries({
  '"': 0x22,
  '\\': 0x5c,
  '/': 0x2f,
  b: 8,
  f: 12,
  n: 10,
  r: 13,
  t: 9,
})) {
  UNESCAPED[escape.charCodeAt(0)] = byte
}

function textOf(bytes: Uint8Array, start: number, end: number): string {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8', start, end)
  if (!text.includes('\\')) return text
  try {
    return JSON.parse(`"${text}"`) as string
  } catch {
    return text
  }
}
