/** Seeded numbers: the same seed gives the same cluster, byte for byte, on every machine. Not for secrets. */
export class Random {
  #state: number

  constructor(seed: string) {
    this.#state = hashText(seed)
  }

  /** 0 .. 2^32-1 (mulberry32). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return (mixed ^ (mixed >>> 14)) >>> 0
  }

  /** 0 .. limit-1. */
  below(limit: number): number {
    return this.next() % limit
  }

  between(first: number, last: number): number {
    return first + this.below(last - first + 1)
  }

  /** True once in `oneIn` times. */
  once(oneIn: number): boolean {
    return this.next() % oneIn === 0
  }

  pick<T>(list: readonly T[]): T {
    return list[this.next() % list.length]!
  }

  hex(digits: number): string {
    let text = ''
    while (text.length < digits) text += this.next().toString(16).padStart(8, '0')
    return text.slice(0, digits)
  }

  uuid(): string {
    const hex = this.hex(32)
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20)}`
  }
}

/** FNV-1a over UTF-16 units, then mixed so that near seeds give far states. */
function hashText(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  return hash ^ (hash >>> 13)
}

/**
 * Text of the generator is kept as one character a byte (latin1), because a container runtime cuts long lines at bytes,
 * in the middle of a character too. What is not ASCII passes through here once, when the program starts.
 */
export function utf8(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1')
}
