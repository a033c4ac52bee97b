import { candidates, ListingMoved } from './find-files.ts'
import { systemCode } from '../../core/errors.ts'
import type { Follower } from './follower.ts'
import { Known } from './known-files.ts'
import type { StreamFile } from './records.ts'
import type { ShipContext } from './ship-context.ts'

/**
 * Lets go of a spool's files that were read to their end and whose batches are settled. In this order: the journal says so, the files go,
 * the stream forgets them. A crash in between leaves a file that is known as finished, or a finished file that is not there: neither is
 * read again, and neither is a loss.
 */
export function removeShipped(follower: Follower, context: ShipContext): void {
  const { group, stream } = follower
  if (group.spooled === undefined || follower.removing || !follower.attached || stream.closed) return
  const done = doneFiles(follower)
  if (done.length === 0) return
  follower.removing = true
  context.ledger.whenSafe(stream, () => {
    void remove(follower, done, context)
      .catch((error: unknown) => tell(follower, error, context))
      .finally(() => {
        follower.removing = false
      })
  })
}

function doneFiles({ stream }: Follower): readonly StreamFile[] {
  if (stream.finished.length === 0) return stream.finished
  const open = new Set(stream.open.map((cut) => cut.file))
  return stream.finished.filter((file) => !open.has(file.id))
}

async function remove(follower: Follower, done: readonly StreamFile[], context: ShipContext): Promise<void> {
  const { group, stream } = follower
  const among = candidates(group)
  const known = new Known(follower, among)
  const paths = among.filter((one) => done.includes(known.finishedAs(one)!)).map(({ path }) => path)
  await context.removeSpooled(group, paths)
  context.complaints.over(`${group.livePath} shipped`)
  const finished = stream.finished.filter((file) => !done.includes(file))
  if (!stream.closed) context.ledger.move(stream, { finished })
}

/** It is tried again with the next look. @throws what is no refusal of the system */
function tell(follower: Follower, error: unknown, context: ShipContext): void {
  const code = systemCode(error)
  if (error instanceof ListingMoved) return
  if (code === undefined) throw error
  const { livePath } = follower.group
  context.complaints.raise(
    livePath,
    `shipped files beside ${livePath} cannot be removed (${code}): check the permissions of their folder`,
  )
  context.telemetry.add('decklog_ship_errors_total', 1, { reason: code })
}
