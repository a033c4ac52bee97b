import { setFlagsFromString } from 'node:v8'

/** V8's flags work at run time, in all threads; they cannot be given on the command line of somebody else's `node`. */

/**
 * Keeps the part of each heap where objects are born as small as V8 starts it. What decklog makes in numbers dies at once or is a
 * large buffer elsewhere, so a larger one is only more memory to walk through and more misses of the cache: docs/decisions/memory.md.
 * To be called before anything is allocated.
 */
export function keepYoungHeapSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1')
}

/**
 * Lets the heap grow to four times what is alive before it is walked through. V8 counts the bytes of buffers in flight as growth, 64 MB
 * that come and go, beside a heap of 30 MB: it would mark all of it once every 15 MB of documents, in five threads.
 */
export function letBuffersComeAndGo(): void {
  setFlagsFromString('--heap-growing-percent=300')
}
