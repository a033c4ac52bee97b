import { closeSync, mkdirSync, openSync, readSync } from 'node:fs'
import { dirname } from 'node:path'
import { SegmentBuilder } from './build-segment.ts'
import { entryOf } from './catalog.ts'
import { LAYOUT_VERSION } from './columns.ts'
import { decodeEntry } from './entry.ts'
import { dayOf, type PendingEntry } from './indexer.ts'
import { journalPath } from './journal.ts'
import type { SegmentEntry } from './manifest.ts'
import { segmentPath } from './segments.ts'

/**
 * A reader that may not change the directory makes the segments of what is only in the journal in a directory of its own. The
 * backlog is bounded, so this is.
 */
export async function indexAside(options: {
  readonly directory: string
  readonly temporary: string
  readonly pending: readonly PendingEntry[]
}): Promise<SegmentEntry[]> {
  const { directory, temporary, pending } = options
  const entries: SegmentEntry[] = []
  const groups = Map.groupBy(pending, (entry) => `${dayOf(entry.receivedMs)} ${entry.class}`)
  for (const group of groups.values()) {
    // Negative, so that none is the number of a segment of the directory.
    const place = { id: -1 - entries.length, class: group[0]!.class, day: dayOf(group[0]!.receivedMs) }
    const path = segmentPath(temporary, place)
    mkdirSync(dirname(path), { recursive: true })
    const builder = new SegmentBuilder(path)
    for (const { place: at } of group) builder.add(decodeEntry(readAt(directory, at)))
    const built = builder.finish(`${path.slice(0, -'.parquet'.length)}.idx`)
    entries.push(entryOf(place, { ...place, layout: LAYOUT_VERSION, ...built }, built))
  }
  return entries
}

function readAt(directory: string, place: PendingEntry['place']): Buffer {
  const file = openSync(journalPath(directory, place.file), 'r')
  try {
    const payload = Buffer.alloc(place.length)
    readSync(file, payload, 0, place.length, place.offset)
    return payload
  } finally {
    closeSync(file)
  }
}
