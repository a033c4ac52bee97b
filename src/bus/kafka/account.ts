/** The bytes of one subscription, over all its topics and partitions, and who waits for room. */
export class Account {
  readonly bytesMax: number
  /** Delivered and not settled. */
  openBytes = 0
  /** Nacked, and waiting for their next delivery. */
  restingBytes = 0
  isPaused = false
  isClosed = false
  /** Called when there may be room: what comes again goes before what is new. */
  readonly onRoom = new Set<() => void>()
  #waiting: (() => void)[] = []
  #isWaking = false

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax
  }

  /**
   * For a first delivery. What rests counts, for it is held in memory; but while nothing is open one more is let through, so that a
   * message which fails again and again does not hold up the others.
   */
  hasRoom(bytes: number): boolean {
    if (this.isPaused || this.isClosed) return false
    if (this.openBytes === 0) return this.restingBytes <= this.bytesMax
    return this.openBytes + this.restingBytes + bytes <= this.bytesMax
  }

  /** For what is held anyway. */
  hasRoomAgain(bytes: number): boolean {
    if (this.isPaused || this.isClosed) return false
    return this.openBytes === 0 || this.openBytes + bytes <= this.bytesMax
  }

  /** Resolves when there may be room, and after `ms` at the latest. */
  change(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms)
      this.#waiting.push(() => {
        clearTimeout(timer)
        resolve()
      })
    })
  }

  /** To be called whenever bytes were released, and on resume and close. Acts in a turn of its own. */
  wake(): void {
    if (this.#isWaking) return
    this.#isWaking = true
    queueMicrotask(() => {
      this.#isWaking = false
      for (const use of this.onRoom) use()
      for (const resolve of this.#waiting.splice(0)) resolve()
    })
  }
}
