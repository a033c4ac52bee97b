import { readdirSync, readFileSync, renameSync } from 'node:fs'
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { passStep } from '../../core/faults.ts'
import { applyRecord, type ShipState } from './apply-record.ts'
import { segmentPath, syncDirectory } from './journal.ts'
import type { StateRecord } from './records.ts'
import { readSealedLines, sealLine } from './sealed-line.ts'

const NAME = 'checkpoint'

/** Puts the whole state in place of the old one: a crash leaves one or the other, never a mixture. @throws system errors */
export async function writeCheckpoint(directory: string, state: ShipState, segment: number): Promise<number> {
  const text = checkpointText(state, segment)
  passStep('checkpoint-before')
  await mkdir(directory, { recursive: true })
  const temporary = join(directory, `${NAME}.tmp`)
  const handle = await open(temporary, 'w', 0o600)
  try {
    await handle.writeFile(text)
    await handle.sync()
  } finally {
    await handle.close()
  }
  passStep('checkpoint-inside')
  await rename(temporary, join(directory, NAME))
  await syncDirectory(directory)
  return Buffer.byteLength(text)
}

function checkpointText(state: ShipState, segment: number): string {
  const { lineage, stateLost } = state
  const records: StateRecord[] = [{ kind: 'head', format: 1, lineage, segment, stateLost }]
  for (const [index, context] of state.contexts.entries()) records.push({ kind: 'context', index, context })
  for (const stream of state.streams.values()) records.push({ kind: 'stream', state: stream })
  records.push({ kind: 'end', records: records.length })
  return records.map(sealLine).join('')
}

/** Segments below `segment` hold nothing that the checkpoint has not. @throws system errors */
export async function removeSegments(directory: string, segment: number): Promise<void> {
  for (const name of await readdir(directory)) {
    const number = segmentNumber(name)
    if (number !== undefined && number < segment) await rm(join(directory, name), { force: true })
  }
}

export type Recovered =
  | { readonly kind: 'fresh' }
  | {
      readonly kind: 'state'
      readonly state: ShipState
      readonly nextSegment: number
      readonly tornBytes: boolean
    }
  /** Something other than a crash changed the files: what they say cannot be trusted. */
  | { readonly kind: 'corrupt'; readonly detail: string; readonly nextSegment: number }

/** Reads checkpoint and journal. Changes nothing. @throws system errors other than that they are not there */
export function recover(directory: string): Recovered {
  const segments = listSegments(directory)
  const nextSegment = (segments.at(-1) ?? 0) + 1
  const corrupt = (detail: string): Recovered => ({ kind: 'corrupt', detail, nextSegment })
  const text = readIfThere(join(directory, NAME))
  if (text === undefined) {
    return segments.length === 0
      ? { kind: 'fresh' }
      : corrupt('the checkpoint is missing beside a journal of cuts')
  }
  const checkpoint = readSealedLines(text)
  const records = checkpoint.values as StateRecord[]
  const [head] = records
  const end = records.at(-1)
  const whole = head?.kind === 'head' && end?.kind === 'end' && end.records === records.length - 1
  if (checkpoint.end !== 'whole' || !whole) return corrupt('the checkpoint is torn or altered')
  const state: ShipState = { lineage: '', stateLost: null, streams: new Map(), contexts: [] }
  for (const record of records) applyRecord(state, record)
  return replay(
    directory,
    state,
    segments.filter((one) => one >= head.segment),
    nextSegment,
  )
}

function replay(
  directory: string,
  state: ShipState,
  segments: readonly number[],
  nextSegment: number,
): Recovered {
  let tornBytes = false
  for (const segment of segments) {
    const journal = readSealedLines(readFileSync(segmentPath(directory, segment), 'utf8'))
    const isLast = segment === segments.at(-1)
    if (journal.end === 'corrupt' || (journal.end === 'torn' && !isLast)) {
      return { kind: 'corrupt', detail: `segment ${segment} of the journal of cuts is altered`, nextSegment }
    }
    tornBytes ||= journal.end === 'torn'
    for (const record of journal.values as StateRecord[]) {
      const problem = applyRecord(state, record)
      if (problem !== undefined)
        return { kind: 'corrupt', detail: `${problem} in segment ${segment}`, nextSegment }
    }
  }
  return { kind: 'state', state, nextSegment, tornBytes }
}

/** Moves files that cannot be trusted out of the way, for a person to look at. @throws system errors */
export function setAside(directory: string, nowMs: number): void {
  for (const name of readdirSync(directory)) {
    if (name !== NAME && segmentNumber(name) === undefined) continue
    renameSync(join(directory, name), join(directory, `corrupt-${nowMs}-${name}`))
  }
}

function listSegments(directory: string): number[] {
  let names: string[]
  try {
    names = readdirSync(directory)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
  return names
    .map(segmentNumber)
    .filter((number) => number !== undefined)
    .sort((a, b) => a - b)
}

function segmentNumber(name: string): number | undefined {
  const match = /^cuts-(\d{8,})\.log$/.exec(name)
  return match === null ? undefined : Number(match[1])
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
