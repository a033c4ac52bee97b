/**
 * How a list of formats has fared with one batch. `formats` is what stands in one place of `parse:`; of a list whose formats are
 * tried in turn one has to take a record for the list to take it.
 */
export interface ParserCount {
  readonly formats: readonly string[]
  /** Records shown to the list, and those that one of it took. */
  tried: number
  taken: number
  /** By format, in the order of `formats`. */
  readonly triedBy: number[]
  readonly takenBy: number[]
}

export function newParserCount(formats: readonly { readonly name: string }[]): ParserCount {
  return {
    formats: formats.map(({ name }) => name),
    tried: 0,
    taken: 0,
    triedBy: formats.map(() => 0),
    takenBy: formats.map(() => 0),
  }
}

/** The first format is tried and takes the record, or does not: for lists of one. */
export function countOne(count: ParserCount, isTaken: boolean): void {
  count.tried++
  count.triedBy[0]!++
  if (!isTaken) return
  count.taken++
  count.takenBy[0]!++
}
