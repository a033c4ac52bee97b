import { parseAddress } from '../../core/address.ts'
import type { JsonObject } from '../../core/document.ts'
import { addMissing, addTo, makeObject, objectAt, textAt } from './fields.ts'
import { geoLookup, type Place } from './geo.ts'
import { NetworkTable } from './network-table.ts'
import { PodHistory } from './pod-history.ts'
import type { EnrichmentSnapshot, EnrichStep, PodSpan } from '../../core/enrichment.ts'

const ENDS = ['source', 'destination', 'client', 'server'] as const
/** Addresses whose facts are kept; the same few come again and again. */
const KNOWN_MAX = 65_536

interface AddressFacts extends Place {
  readonly lists: readonly string[]
}

const NO_FACTS: AddressFacts = { geo: undefined, as: undefined, lists: [] }

/** Country, network, lists and pod of the addresses that a record names. */
export function addressStep(
  snapshot: EnrichmentSnapshot,
  steps: ReadonlySet<EnrichStep>,
): ((fields: JsonObject, timeMs: number) => void) | undefined {
  const geo = steps.has('geo') ? geoLookup(snapshot.geo) : undefined
  const table = steps.has('lists') ? tableOf(snapshot) : undefined
  const pods = steps.has('pod') ? new PodHistory(snapshot.pods) : undefined
  const hasPods = pods !== undefined && !pods.isEmpty
  if (geo === undefined && table === undefined && !hasPods) return undefined
  const known = new Map<string, AddressFacts>()
  const factsOf = (ip: string): AddressFacts => {
    const found = known.get(ip)
    if (found !== undefined) return found
    if (known.size >= KNOWN_MAX) known.clear()
    const address = parseAddress(ip)
    const facts =
      address === undefined
        ? NO_FACTS
        : { ...(geo?.(ip) ?? NO_FACTS), lists: table?.namesOf(address) ?? NO_FACTS.lists }
    known.set(ip, facts)
    return facts
  }
  return (fields, timeMs) => {
    for (const end of ENDS) {
      if (fields[end] === undefined) continue
      const side = objectAt(fields, end)
      const ip = textAt(side, 'ip')
      if (side === undefined || ip === undefined) continue
      addFacts(fields, side, end, factsOf(ip))
      const pod = hasPods ? pods.at(ip, timeMs) : undefined
      if (pod !== undefined) addPod(fields, end, pod)
    }
  }
}

function tableOf({ lists }: EnrichmentSnapshot): NetworkTable | undefined {
  const table = new NetworkTable()
  let count = 0
  for (const { name, networks } of lists)
    for (const network of networks) if (table.add(network, name)) count++
  return count === 0 ? undefined : table
}

function addFacts(fields: JsonObject, side: JsonObject, end: string, { geo, as, lists }: AddressFacts): void {
  addMissing(side, 'geo', geo)
  addMissing(side, 'as', as)
  if (lists.length === 0) return
  const ours = makeObject(fields, 'decklog')
  const of = ours === undefined ? undefined : makeObject(ours, 'lists')
  for (const name of lists) {
    if (of !== undefined) addTo(of, end, name)
    addTo(fields, 'tags', `list.${name}`)
  }
}

function addPod(fields: JsonObject, end: string, { namespace, name, uid, workload, node }: PodSpan): void {
  const ours = makeObject(fields, 'decklog')
  const peers = ours === undefined ? undefined : makeObject(ours, 'pods')
  if (peers === undefined) return
  addMissing(peers, end, {
    namespace,
    name,
    uid,
    ...(workload === undefined ? {} : { workload }),
    ...(node === undefined ? {} : { node }),
  })
}
