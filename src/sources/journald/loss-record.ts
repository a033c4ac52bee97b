import { type Entry, positionOf } from './entry.ts'

/**
 * Says in the stream that entries were removed from the journal (vacuumed, or its files deleted) before they were read. No program can write
 * an entry with such names: those that begin with underscores are the journal's own.
 */
export function lossRecord(expected: string, next: Entry, nowMs: number): Buffer {
  const last = positionOf(expected)
  const first = positionOf(next.cursor)
  const isSame = last !== undefined && last.sequence === first?.sequence && first.number > last.number
  const count = isSame ? String(first.number - last.number - 1n) : undefined
  const what = count === undefined ? 'Entries' : count === '1' ? 'An entry' : `${count} entries`
  const record = {
    __DECKLOG_LOSS: 'vacuumed',
    ...(count === undefined ? {} : { __DECKLOG_LOST: count }),
    __DECKLOG_AFTER: expected,
    __DECKLOG_BEFORE: next.cursor,
    __REALTIME_TIMESTAMP: String(nowMs * 1000),
    _MACHINE_ID: next.machine,
    MESSAGE: `${what} of the journal were removed before they were read`,
    PRIORITY: '4',
  }
  return Buffer.from(JSON.stringify(record))
}
