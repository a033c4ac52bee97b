const SEED = 0x9747b28c
const M = 0x5bd1e995

/**
 * The partition of a key among `count`: murmur2 of its UTF-8 bytes, made positive, modulo `count`. It is what Kafka's own clients do,
 * so that other tools find a stream where decklog puts it. With another `count` a key has another partition.
 */
export function partitionOf(key: string, count: number): number {
  return (murmur2(Buffer.from(key)) & 0x7fffffff) % count
}

/** MurmurHash2, 32 bit, with Kafka's seed. */
function murmur2(data: Buffer): number {
  const tail = data.length & ~3
  let hash = SEED ^ data.length
  for (let i = 0; i < tail; i += 4) {
    const k = Math.imul(data.readInt32LE(i), M)
    hash = Math.imul(hash, M) ^ Math.imul(k ^ (k >>> 24), M)
  }
  const rest = data.length - tail
  if (rest > 0) {
    for (let i = rest - 1; i >= 0; i--) hash ^= data[tail + i]! << (8 * i)
    hash = Math.imul(hash, M)
  }
  hash = Math.imul(hash ^ (hash >>> 13), M)
  return hash ^ (hash >>> 15)
}
