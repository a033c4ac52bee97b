import { readFileSync } from 'node:fs'
import { open, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { DecklogError, diskError, systemCode } from '../../core/errors.ts'

const NAME = 'note'
const NOTE_BYTES_MAX = 4096

/** What a source keeps beside its records. @throws system errors other than that there is none */
export function readNote(directory: string): string | undefined {
  try {
    return readFileSync(join(directory, NAME), 'utf8')
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  }
}

/** A crash leaves the old one or the new one. @throws {DecklogError} `disk-full`, `disk-failed` */
export async function writeNote(directory: string, text: string): Promise<void> {
  if (Buffer.byteLength(text) > NOTE_BYTES_MAX) throw new DecklogError('internal', 'a note is at most 4 KiB')
  const path = join(directory, NAME)
  try {
    const handle = await open(`${path}.tmp`, 'w', 0o600)
    try {
      await handle.writeFile(text)
      await handle.datasync()
    } finally {
      await handle.close()
    }
    await rename(`${path}.tmp`, path)
  } catch (error) {
    throw diskError(error, `write into the spool ${directory}`)
  }
}
