import { createHash } from 'node:crypto'
import { mkdir, open, readdir, rename, rm, type FileHandle } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { diskError } from '../../core/errors.ts'
import { decodeObjects, type BatchCodec } from './archived-object.ts'
import { findBlockAfter, readAt, readBlock, readHeader, type ContainerHeader } from './container-file.ts'
import { isSegmentName, MANIFEST_SUFFIX, type Places } from './places.ts'
import { SegmentFile, type SegmentIdentity } from './segment-file.ts'
import { SegmentSummary } from './summary.ts'

export interface Recovered {
  readonly segments: readonly SegmentFile[]
  /** Sealed before the crash, manifest written, not all moved to their place. */
  readonly unmoved: readonly string[]
  /** For a person: what was cut or set aside. */
  readonly remarks: readonly string[]
}

/**
 * Opens what was open when the process ended. A torn last block was never acknowledged and is cut. A torn place with a
 * whole block behind it is no crash but damage to what was acknowledged: nothing is cut, the file is set aside whole.
 * @throws {DecklogError} retryable when the disk fails
 */
export async function recoverSegments(places: Places, codec: BatchCodec): Promise<Recovered> {
  const segments: SegmentFile[] = []
  const unmoved: string[] = []
  const remarks: string[] = []
  try {
    const names = await readdir(places.open)
    for (const name of names.filter((each) => each.endsWith('.tmp'))) await rm(join(places.open, name))
    const manifests = names.filter((each) => each.endsWith(MANIFEST_SUFFIX))
    for (const name of manifests) unmoved.push(name.slice(0, -MANIFEST_SUFFIX.length))
    for (const name of names.filter((each) => each.endsWith('.avro') && !unmoved.includes(each))) {
      const { segment, remark } = await recoverSegment(join(places.open, name), places, codec)
      if (segment !== undefined) segments.push(segment)
      if (remark !== undefined) remarks.push(remark)
    }
    return { segments, unmoved, remarks }
  } catch (error) {
    for (const segment of segments) await segment.close()
    throw diskError(error, `open the archive's segments in ${places.open}`)
  }
}

interface OneRecovered {
  readonly segment?: SegmentFile
  readonly remark?: string
}

async function recoverSegment(path: string, places: Places, codec: BatchCodec): Promise<OneRecovered> {
  const handle = await open(path, 'r+')
  const { size } = await handle.stat()
  const header = await readHeader(handle)
  const identity = header && identityOf(header)
  if (header === undefined || identity === undefined)
    return setAside(handle, path, places, 'its header is torn')
  const summary = new SegmentSummary()
  const hash = createHash('sha256').update(await readAt(handle, 0, header.bytes))
  const schemaName = header.metadata.get('decklog.schema') ?? ''
  let at = header.bytes
  for (;;) {
    const block = await readBlock(handle, at, header.sync)
    if (block.kind === 'end') break
    const batches =
      block.kind === 'block' ? decodeObjects(block.data, block.count, schemaName, codec) : undefined
    if (block.kind === 'torn' || batches === undefined) {
      const whole = block.kind === 'block' || (await findBlockAfter(handle, at, header.sync))
      if (whole) return setAside(handle, path, places, `the block at byte ${at} is damaged`)
      break
    }
    for (const batch of batches) summary.add(batch)
    hash.update(block.raw)
    at += block.raw.length
  }
  const segment = new SegmentFile({
    identity,
    handle,
    path,
    sync: header.sync,
    schemaName,
    bytes: at,
    hash,
    summary,
  })
  if (at === size) return { segment }
  await handle.truncate(at)
  await handle.datasync()
  return { segment, remark: `cut ${size - at} bytes of a torn block, never acknowledged, off ${path}` }
}

function identityOf({ metadata }: ContainerHeader): SegmentIdentity | undefined {
  const name = metadata.get('decklog.name')
  const tenant = metadata.get('decklog.tenant')
  const cls = metadata.get('decklog.class')
  const openedMs = Number(metadata.get('decklog.openedMs'))
  if (name === undefined || tenant === undefined || cls === undefined) return undefined
  return isSegmentName(name) && Number.isSafeInteger(openedMs)
    ? { name, tenant, class: cls, openedMs }
    : undefined
}

async function setAside(
  handle: FileHandle,
  path: string,
  places: Places,
  why: string,
): Promise<OneRecovered> {
  await handle.close()
  await mkdir(places.damaged, { recursive: true })
  const aside = join(places.damaged, basename(path))
  await rename(path, aside)
  return { remark: `set aside ${aside}: ${why}; its batches are kept there and are not listed` }
}
