import { readdirSync } from 'node:fs'
import type { FormatDefinition } from '../ports/format.ts'

/**
 * Every format that `parse:` of a pipeline and `--as` may name: what the files beside this one export. A new format is one such
 * file; nothing here has to be touched. Loaded once, when this module is.
 *
 * @throws {Error} when two formats have one name
 */
export const formats: ReadonlyMap<string, FormatDefinition> = await loadFormats(import.meta.dirname)

async function loadFormats(directory: string): Promise<ReadonlyMap<string, FormatDefinition>> {
  const files = readdirSync(directory).filter(
    (name) => /\.[tj]s$/.test(name) && !/^registry\.|\.d\.ts$/.test(name),
  )
  const modules = await Promise.all(
    files.map((name) => import(new URL(name, import.meta.url).href) as Promise<Record<string, unknown>>),
  )
  const found = modules.flatMap((module) => Object.values(module).filter(isFormat))
  const byName = new Map<string, FormatDefinition>()
  for (const format of found.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (byName.has(format.name)) throw new Error(`two files in src/parsers define the format ${format.name}`)
    byName.set(format.name, format)
  }
  return byName
}

function isFormat(value: unknown): value is FormatDefinition {
  if (typeof value !== 'object' || value === null) return false
  const { name, kind, parse, example } = value as Partial<FormatDefinition>
  return (
    typeof name === 'string' &&
    typeof parse === 'function' &&
    typeof example === 'string' &&
    (kind === 'record' || kind === 'payload')
  )
}
