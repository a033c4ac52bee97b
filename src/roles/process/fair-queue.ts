/**
 * Work of several classes, handed out by weight: when all have work, a class of weight 8 gets eight times the bytes of a class of
 * weight 1; when one alone has work, it gets all. Stride scheduling: each class has a pass that grows by bytes / weight as it is
 * served, and the one with the lowest pass is next.
 */
export class FairQueue<Item> {
  readonly #lanes = new Map<string, Lane<Item>>()
  /** Pass of the class that was served last. */
  #pass = 0

  constructor(weights: ReadonlyMap<string, number>) {
    for (const [name, weight] of weights) this.#lanes.set(name, { weight, pass: 0, items: [], head: 0 })
  }

  push(name: string, item: Item): void {
    const lane = this.#lanes.get(name)!
    // A class that had nothing to do has not saved up a claim to the future.
    if (lane.head === lane.items.length) lane.pass = Math.max(lane.pass, this.#pass)
    lane.items.push(item)
  }

  /** The next item of the classes that may go on now; undefined when they have none. */
  next(mayGoOn: (name: string) => boolean): Item | undefined {
    let chosen: Lane<Item> | undefined
    for (const [name, lane] of this.#lanes) {
      if (lane.head === lane.items.length || !mayGoOn(name)) continue
      if (chosen === undefined || lane.pass < chosen.pass) chosen = lane
    }
    if (chosen === undefined) return undefined
    this.#pass = chosen.pass
    return take(chosen)
  }

  /** What serving a class has cost. */
  charge(name: string, bytes: number): void {
    const lane = this.#lanes.get(name)!
    lane.pass += bytes / lane.weight
  }
}

interface Lane<Item> {
  readonly weight: number
  pass: number
  items: Item[]
  /** Items before it are taken; they are cut off now and then. */
  head: number
}

function take<Item>(lane: Lane<Item>): Item {
  const item = lane.items[lane.head++]!
  if (lane.head === lane.items.length || lane.head === 1024) {
    lane.items = lane.items.slice(lane.head)
    lane.head = 0
  }
  return item
}
