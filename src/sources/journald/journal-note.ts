/** Where the journal was read to: kept with the spool. */
export interface JournalNote {
  /** Of the last entry that is in the spool for certain; undefined: there is none yet. */
  readonly cursor: string | undefined
  /** What was asked for. */
  readonly filters: string
  /** Whose entries came. */
  readonly machines: readonly string[]
}

export function noteOf(note: JournalNote): string {
  return JSON.stringify(note)
}

/** What cannot be read says nothing: the journal is then read from its beginning. */
export function readNote(text: string | undefined): JournalNote {
  let note: Partial<Record<keyof JournalNote, unknown>> = {}
  try {
    note = JSON.parse(text ?? '{}') as typeof note
  } catch {
    note = {}
  }
  const { cursor, filters, machines } = note
  return {
    cursor: typeof cursor === 'string' ? cursor : undefined,
    filters: typeof filters === 'string' ? filters : '',
    machines: Array.isArray(machines) ? machines.filter((one) => typeof one === 'string') : [],
  }
}
