import type { EsConnection } from '../connection.ts'
import { refusal } from '../context.ts'
import type { Definition } from './templates.ts'

interface Answer {
  readonly index_templates?: readonly {
    readonly name: string
    readonly index_template?: { readonly index_patterns?: readonly string[]; readonly priority?: number }
  }[]
}

/** Templates of others that would take, or share, what ours are for. Reads only. */
export async function overlapsOf(
  connection: EsConnection,
  definitions: readonly Definition[],
  signal?: AbortSignal,
): Promise<{ readonly problems: readonly string[]; readonly remarks: readonly string[] }> {
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
  const ours = definitions.filter(({ kind }) => kind === 'index')
  const problems: string[] = []
  for (const { name, index_template: other = {} } of (body as Answer).index_templates ?? []) {
    if (ours.some((one) => one.name === name)) continue
    for (const own of ours) {
      const priority = Number(own.body['priority'])
      const samples = (own.body['index_patterns'] as readonly string[]).map((pattern) =>
        pattern.replaceAll('*', 'sample'),
      )
      const takes = (other.index_patterns ?? []).some((pattern) => samples.some((one) => fits(pattern, one)))
      if (!takes || (other.priority ?? 0) < priority) continue
      problems.push(
        `the index template ${name} (priority ${other.priority ?? 0}) takes what ${own.name} (priority ${priority}) is for: ` +
          'give it a lower priority or other patterns',
      )
    }
  }
  return { problems, remarks: [] }
}

function fits(pattern: string, name: string): boolean {
  const parts = pattern.split('*').map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  return new RegExp(`^${parts.join('.*')}$`).test(name)
}
