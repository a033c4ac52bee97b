import type { JsonObject } from '../core/document.ts'
import type { ReplayReport } from '../api/service.ts'
import type { Bus } from '../ports/bus.ts'
import type { Asking, Store } from '../ports/store.ts'
import { REPLAY_HEADER } from '../roles/index/dead-letters.ts'

const ASKING: Asking = { principal: { id: 'replay' }, scope: { clusters: '*', classes: '*' } }

/**
 * Publishes dead letters again, each with its own ids. A letter is deleted only once what it holds is safe, and stays when it has
 * come again meanwhile: then its cause is not mended, and its version has moved on.
 */
export async function replayDeadLetters(options: {
  readonly bus: Bus
  readonly store: Store
  readonly ids: readonly string[]
}): Promise<ReplayReport> {
  const replayed: string[] = []
  const kept: { id: string; reason: string }[] = []
  for (const id of options.ids) {
    const record = await options.store.getRecord('dead-letter', id, ASKING)
    const problem =
      record === undefined ? 'there is no such dead letter' : await publish(options.bus, record.body)
    if (problem !== undefined) {
      kept.push({ id, reason: problem })
      continue
    }
    const after = await options.store.getRecord('dead-letter', id, ASKING)
    if (after !== undefined && after.version !== record!.version) {
      kept.push({ id, reason: `its cause is not mended: ${detailOf(after.body)}` })
      continue
    }
    await options.store.deleteRecord('dead-letter', id)
    replayed.push(id)
  }
  return { replayed, kept }
}

function detailOf({ detail }: JsonObject): string {
  return typeof detail === 'string' ? detail : 'it was given up again'
}

/** Returns why it cannot be replayed. */
async function publish(bus: Bus, letter: JsonObject): Promise<string | undefined> {
  const {
    kind,
    class: name,
    stream,
    bytes,
  } = letter as { kind?: string; class?: string; stream?: string; bytes?: string }
  const topic = kind === 'raw' ? 'raw' : kind === 'event-batch' ? 'events' : undefined
  if (topic === undefined || !name || !stream || !bytes)
    return 'its bytes are no batch; look at them with decklog dead-letter show'
  await bus.publish(`decklog.${topic}.${name}`, [
    { key: stream, value: Buffer.from(bytes, 'base64'), headers: { [REPLAY_HEADER]: '1' } },
  ])
  return undefined
}
