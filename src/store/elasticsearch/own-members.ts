/**
 * What Elasticsearch sorts and filters by. Documents of `process` say all of it themselves, in `decklog` and `orchestrator`, but
 * for `n` where one record gave several events. For others it is put in front of the document's own members, and taken away again
 * when the document is read: what comes back is what was written.
 * ```
 * source  = document | "{" own  document's members "}"
 * own     = "\"decklog.own\":true," [ stream "," seq "," class "," tenant "," [ ranges "," ] [ ingested "," ] ] "\"decklog.n\":" digits ","
 * ```
 * Dotted names, so that they merge with a `decklog` that stands in the document: a key twice would be refused.
 */
export interface OwnMembers {
  readonly stream: string
  readonly seq: number
  readonly n: number
  readonly class: string
  readonly tenant: string
  /** Of an event of several records. */
  readonly ranges?: readonly (readonly [number, number])[]
  /** When it came in, by the bus: by this it expires. */
  readonly receivedMs?: number
}

const MARK = '{"decklog.own":true,'

/**
 * Does the document say where it came from? One answer holds for a batch, for all of its documents are made by the same hand.
 * What a payload says does not matter: documents of `process` have these members whatever else they hold.
 */
export function saysItsPlace(document: Buffer): boolean {
  return (
    document.includes('"decklog":{"') && document.includes('"orchestrator":{"') && !document.includes(MARK)
  )
}

/** What stands in place of the document's first `{`. `onlyNumber`: the document says everything else itself. */
export function ownMembers(own: OwnMembers, onlyNumber = false): string {
  const number = `"decklog.n":${own.n},`
  if (onlyNumber) return `${MARK}${number}`
  const { stream, seq, class: className, tenant } = own
  const ranges = own.ranges === undefined ? '' : `"decklog.ranges":${JSON.stringify(own.ranges)},`
  const ingested = own.receivedMs === undefined ? '' : `"event.ingested":${own.receivedMs},`
  return (
    `${MARK}"decklog.stream":${JSON.stringify(stream)},"decklog.seq":${seq},"decklog.class":${JSON.stringify(className)},` +
    `"orchestrator.cluster.name":${JSON.stringify(tenant)},${ranges}${ingested}${number}`
  )
}

const OWN =
  /^\{"decklog\.own":true,(?:"decklog\.stream":"(?:[^"\\]|\\.)*","decklog\.seq":\d+,"decklog\.class":"(?:[^"\\]|\\.)*","orchestrator\.cluster\.name":"(?:[^"\\]|\\.)*",(?:"decklog\.ranges":\[[\d,[\]]*\],)?(?:"event\.ingested":\d+,)?)?"decklog\.n":\d+,/

/** The document as it was written. */
export function withoutOwnMembers(source: string): string {
  if (!source.startsWith(MARK)) return source
  const own = OWN.exec(source)
  return own === null ? source : `{${source.slice(own[0].length)}`
}
