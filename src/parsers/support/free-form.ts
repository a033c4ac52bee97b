import type { Json, JsonObject } from '../../core/document.ts'

const TEXT_MAX = 16_384
const MEMBERS_MAX = 1024
const LEVELS_MAX = 16

/**
 * A copy of what a program may name as it likes, for a flattened field: without empty members, names only data, bounded in every
 * direction (a flattened field takes 20 levels, and no more).
 */
export function freeForm(value: Json, levels = LEVELS_MAX): Json | undefined {
  if (value === null || value === '') return undefined
  if (typeof value === 'string') return value.length > TEXT_MAX ? value.slice(0, TEXT_MAX) : value
  if (typeof value !== 'object')
    return Number.isSafeInteger(value) || typeof value === 'boolean' ? value : String(value)
  if (levels === 0) return undefined
  if (Array.isArray(value)) {
    const kept: Json[] = []
    for (const part of value) {
      const copy = kept.length < MEMBERS_MAX ? freeForm(part, levels - 1) : undefined
      if (copy !== undefined) kept.push(copy)
    }
    return kept.length === 0 ? undefined : kept
  }
  const kept = Object.create(null) as JsonObject
  let count = 0
  for (const name in value) {
    const copy = count < MEMBERS_MAX && isKeepable(name) ? freeForm(value[name]!, levels - 1) : undefined
    if (copy === undefined) continue
    kept[name] = copy
    count++
  }
  return count === 0 ? undefined : kept
}

/** A flattened field takes no name without letters and none with a NUL in it: the record has them. */
export function isKeepable(name: string): boolean {
  return name !== '' && !name.includes('\0')
}
