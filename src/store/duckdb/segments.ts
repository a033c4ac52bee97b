import { rmSync } from 'node:fs'
import { join } from 'node:path'
import type { SegmentEntry } from './manifest.ts'
import { FilterReader, readSidecar, type Sidecar } from './sidecar.ts'
import { FieldView } from './sql-field.ts'

/** A segment in use: its sidecar is read when it is first asked for, and its files stay while anyone reads them. */
export class Segment {
  readonly entry: SegmentEntry
  readonly path: string
  readonly sidecarPath: string
  #loaded: { readonly sidecar: Sidecar; readonly filters: FilterReader; readonly view: FieldView } | undefined
  #pins = 0
  #doomed = false

  constructor(directory: string, entry: SegmentEntry) {
    this.entry = entry
    this.path = segmentPath(directory, entry)
    this.sidecarPath = `${this.path.slice(0, -'.parquet'.length)}.idx`
  }

  get sidecar(): Sidecar {
    return this.#load().sidecar
  }

  get filters(): FilterReader {
    return this.#load().filters
  }

  get view(): FieldView {
    return this.#load().view
  }

  pin(): void {
    this.#pins++
  }

  unpin(): void {
    this.#pins--
    if (this.#doomed && this.#pins === 0) this.#delete()
  }

  /** Deletes the files, at the latest when the last reader is gone. */
  doom(): void {
    this.#doomed = true
    if (this.#pins === 0) this.#delete()
  }

  close(): void {
    this.#loaded?.filters.close()
    this.#loaded = undefined
  }

  #load(): { readonly sidecar: Sidecar; readonly filters: FilterReader; readonly view: FieldView } {
    if (this.#loaded !== undefined) return this.#loaded
    const { sidecar, filtersAt } = readSidecar(this.sidecarPath)
    this.#loaded = {
      sidecar,
      filters: new FilterReader(this.sidecarPath, filtersAt),
      view: new FieldView(sidecar),
    }
    return this.#loaded
  }

  /** Should it fail, the next start deletes what the manifest does not name. */
  #delete(): void {
    this.close()
    try {
      rmSync(this.path, { force: true })
      rmSync(this.sidecarPath, { force: true })
    } catch {
      return
    }
  }
}

/** `segments/<class>/<day>/<id>.parquet`: a day of a class is a folder, so that a person sees what takes the space. */
export function segmentPath(directory: string, entry: Pick<SegmentEntry, 'class' | 'day' | 'id'>): string {
  return join(segmentFolder(directory, entry), `${String(entry.id).padStart(8, '0')}.parquet`)
}

export function segmentFolder(directory: string, entry: Pick<SegmentEntry, 'class' | 'day'>): string {
  return join(directory, 'segments', safeName(entry.class), entry.day)
}

/** A class' name as a folder, whatever it holds; one-to-one. */
function safeName(name: string): string {
  return name.replace(/[^A-Za-z0-9_-]/gu, (char) => `%${Buffer.from(char).toString('hex')}`)
}
