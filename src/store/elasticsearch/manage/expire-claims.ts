import type { EsContext } from '../context.ts'
import { refusal } from '../context.ts'
import { CLAIM_DAYS } from '../write/claims.ts'

const DAY_MS = 24 * 60 * 60 * 1000

/** Removes the indices of ids whose day is long over: no copy of an event comes so late. */
export async function expireClaims({ connection, names }: EsContext, nowMs: number): Promise<void> {
  const { status, body } = await connection.request({
    method: 'GET',
    path: `/${encodeURIComponent(`${names.claims}-*`)}`,
    query: { filter_path: '*.settings.index.uuid', allow_no_indices: true },
  })
  if (status !== 200) throw refusal('listing the indices of ids', status, body)
  for (const name of Object.keys(body ?? {})) {
    const day = /-(\d{4})\.(\d{2})\.(\d{2})$/.exec(name)
    if (day === null) continue
    const endMs = Date.UTC(Number(day[1]), Number(day[2]) - 1, Number(day[3])) + DAY_MS
    if (endMs > nowMs - CLAIM_DAYS * DAY_MS) continue
    const gone = await connection.request({ method: 'DELETE', path: `/${encodeURIComponent(name)}` })
    if (gone.status !== 200 && gone.status !== 404) throw refusal(`removing ${name}`, gone.status, gone.body)
  }
}
