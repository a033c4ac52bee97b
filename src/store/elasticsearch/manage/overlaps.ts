import type { EsConnection } from '../connection.ts'
import { refusal } from '../context.ts'
import type { Definition } from './templates.ts'

/** What decides which template a data stream has. */
export interface Claim {
  readonly name: string
  readonly patterns: readonly string[]
  readonly priority: number
}

interface Answer {
  readonly index_templates?: readonly {
    readonly name: string
    readonly index_template?: { readonly index_patterns?: readonly string[]; readonly priority?: number }
  }[]
}

/** What all index templates of the cluster claim. Reads only. */
export async function readClaims(connection: EsConnection, signal?: AbortSignal): Promise<Claim[]> {
  const { status, body } = await connection.request({
    method: 'GET',
    path: '/_index_template',
    query: {
      filter_path:
        'index_templates.name,index_templates.index_template.index_patterns,index_templates.index_template.priority',
    },
    ...(signal === undefined ? {} : { signal }),
  })
  if (status !== 200) throw refusal('reading index templates', status, body)
  return ((body as Answer).index_templates ?? []).map(({ name, index_template: template = {} }) => ({
    name,
    patterns: template.index_patterns ?? [],
    priority: template.priority ?? 0,
  }))
}

/** Templates of others that would take, or share, all that one of ours is for: a sentence each. */
export function overlapsOf(claims: readonly Claim[], definitions: readonly Definition[]): string[] {
  const ours = claimsOf(definitions)
  return claims.flatMap((other) => {
    if (ours.some((own) => own.name === other.name)) return []
    return ours
      .filter((own) => own.patterns.some((pattern) => claimsName(other, pattern.replaceAll('*', 'sample'))))
      .filter((own) => other.priority >= own.priority)
      .map(
        (own) =>
          `the index template ${other.name} (priority ${other.priority}) takes what ${own.name} (priority ${own.priority}) is for: ` +
          'give it a lower priority or other patterns',
      )
  })
}

/** Does a template that is not ours, and stronger, rule a data stream? Then it is not ours to change. */
export function isRuledByOthers(
  stream: string,
  claims: readonly Claim[],
  definitions: readonly Definition[],
): boolean {
  const ours = claimsOf(definitions)
  const priority = Math.max(...ours.map((own) => own.priority))
  return claims.some(
    (other) =>
      other.priority > priority && !ours.some((own) => own.name === other.name) && claimsName(other, stream),
  )
}

function claimsOf(definitions: readonly Definition[]): Claim[] {
  return definitions
    .filter(({ kind }) => kind === 'index')
    .map(({ name, body }) => ({
      name,
      patterns: body['index_patterns'] as readonly string[],
      priority: Number(body['priority']),
    }))
}

function claimsName({ patterns }: Claim, name: string): boolean {
  return patterns.some((pattern) => {
    const parts = pattern.split('*').map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'))
    return new RegExp(`^${parts.join('.*')}$`).test(name)
  })
}
