import type { ParserCount } from '../../stages/parser-counts.ts'

/** So many records in a row of which none was read are no accident. */
const RECORDS_MIN = 1_000
/** Or as many as these, when they came over such a time. */
const FEW_RECORDS_MIN = 50
const SILENT_MS_MIN = 600_000
/** Pairs of source and formats that are looked at; beyond, the one that was heard of longest ago is forgotten. */
const WATCHED_MAX = 2_000
/** As many sources are named. */
const NAMED_MAX = 3

interface Watched {
  readonly class: string
  readonly source: string
  readonly formats: string
  /** Since one was read last, or since the first came. */
  tried: number
  sinceMs: number
  wasRead: boolean
}

/**
 * Notices records that keep coming and that none of their formats reads: a program that changed what it writes, or a source that
 * was given the wrong format. Before the first one is read, either many of them or some over a time are enough; after that both
 * are needed, for a log may well have a quiet day.
 */
export class UnreadFormats {
  /** In the order in which they were heard of. */
  readonly #watched = new Map<string, Watched>()

  note(where: { readonly class: string; readonly source: string }, count: ParserCount, nowMs: number): void {
    if (count.tried === 0) return
    const formats = count.formats.join(', ')
    const key = `${where.class}\n${where.source}\n${formats}`
    const known = this.#watched.get(key)
    const watched = known ?? { ...where, formats, tried: 0, sinceMs: nowMs, wasRead: false }
    this.#watched.delete(key)
    this.#watched.set(key, watched)
    if (known === undefined && this.#watched.size > WATCHED_MAX)
      this.#watched.delete(this.#watched.keys().next().value!)
    if (count.taken > 0) {
      watched.tried = 0
      watched.sinceMs = nowMs
      watched.wasRead = true
    } else watched.tried += count.tried
  }

  /** One sentence for each list of formats that reads nothing, by `<class> <formats>`. */
  problems(nowMs: number): ReadonlyMap<string, string> {
    const unread = Map.groupBy(
      [...this.#watched.values()].filter((one) => isUnread(one, nowMs)),
      (one) => `${one.class} ${one.formats}`,
    )
    return new Map([...unread].map(([key, all]) => [key, sentenceOf(all)]))
  }
}

function isUnread({ tried, sinceMs, wasRead }: Watched, nowMs: number): boolean {
  const isMany = tried >= RECORDS_MIN
  const isLong = tried >= FEW_RECORDS_MIN && nowMs - sinceMs >= SILENT_MS_MIN
  return wasRead ? isMany && isLong : isMany || isLong
}

function sentenceOf(all: readonly Watched[]): string {
  const { class: name, formats } = all[0]!
  const records = all.reduce((sum, { tried }) => sum + tried, 0)
  const named = all.slice(0, NAMED_MAX).map(({ source }) => source)
  const more = all.length > NAMED_MAX ? ` and ${all.length - NAMED_MAX} more` : ''
  const from = `${records} records of class ${name} from ${named.join(', ')}${more}`
  // Text takes everything; where it does not, it stands in for a match that is missing.
  if (formats === 'text')
    return `no match in pipelines/ fits ${from}: add one to the class, or one without a condition; they are kept as text meanwhile`
  const [first, ...others] = formats.split(', ')
  const subject = others.length === 0 ? `format ${first!} reads` : `formats ${formats} read`
  return `${subject} none of ${from}: look at some with decklog parse --as ${first!}, then correct format: of the source or the match in pipelines/; they are kept as text meanwhile`
}
