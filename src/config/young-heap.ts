import { setFlagsFromString } from 'node:v8'

/**
 * Keeps the part of each heap where objects are born as small as V8 starts it, in all threads. What decklog makes in numbers dies at
 * once or is a large buffer elsewhere, so a larger one is only more memory to walk through and more misses of the cache:
 * docs/decisions/memory.md. Before anything is allocated; flags cannot be given on the command line of somebody else's `node`.
 */
export function keepYoungHeapSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1')
}
