import type { RawBatch } from '../core/batch.ts'

/** `when:` of a pipeline file: a text, where `*` stands for any characters, or a list of which one has to fit. */
export type RouteConditions = Readonly<Record<string, string | readonly string[]>>

/** Said of a batch's provenance alone: what a record says never decides where it goes. */
export type RouteTest = (batch: RawBatch) => boolean

/** All conditions have to hold. A name that the source does not give fits nothing, `*` neither. */
export function compileConditions(when: RouteConditions): RouteTest {
  const tests = Object.entries(when).map(([name, value]) => {
    const patterns = (typeof value === 'string' ? [value] : value).map((pattern) => pattern.split('*'))
    return (batch: RawBatch): boolean => {
      const found = provenanceValue(name, batch)
      return found !== undefined && patterns.some((parts) => fitsPattern(parts, found))
    }
  })
  return (batch) => tests.every((test) => test(batch))
}

function provenanceValue(name: string, batch: RawBatch): string | undefined {
  const { provenance } = batch
  if (name === 'class') return batch.class
  if (name === 'format' || name === 'kind' || name === 'cluster' || name === 'node') return provenance[name]
  return Object.hasOwn(provenance.names, name) ? provenance.names[name] : undefined
}

/** `parts`: what stands between the stars. The first and the last are at the ends, each other one at its first place. */
function fitsPattern(parts: readonly string[], value: string): boolean {
  if (parts.length === 1) return value === parts[0]
  const last = parts.at(-1)!
  let at = parts[0]!.length
  if (!value.startsWith(parts[0]!)) return false
  for (const part of parts.slice(1, -1)) {
    const found = value.indexOf(part, at)
    if (found < 0) return false
    at = found + part.length
  }
  return value.length - last.length >= at && value.endsWith(last)
}
