import type { EsConnection } from '../connection.ts'
import { refusal } from '../context.ts'
import { type Difference, contentOf, differencesOf } from './compare.ts'
import { type Body, type Definition, OWNER, SCHEMA_VERSION, hashOf, stamped } from './templates.ts'

/** What becomes of one template or policy. */
export interface Change {
  readonly definition: Definition
  readonly action: 'create' | 'update' | 'keep' | 'blocked'
  readonly differences: readonly Difference[]
  /** Version that is installed. */
  readonly installedVersion: number | undefined
  /** Why it is blocked, or that another hand has changed it. */
  readonly remark: string | undefined
}

const PATHS: Readonly<Record<Definition['kind'], string>> = {
  policy: '/_ilm/policy',
  component: '/_component_template',
  index: '/_index_template',
}

export function pathOf({ kind, name }: Definition): string {
  return `${PATHS[kind]}/${encodeURIComponent(name)}`
}

/** Compares what is wanted with what the cluster has. Reads only. */
export async function compareInstalled(
  connection: EsConnection,
  definitions: readonly Definition[],
  signal?: AbortSignal,
): Promise<Change[]> {
  const changes: Change[] = []
  for (const definition of definitions) {
    const existing = await fetchInstalled(connection, definition, signal)
    changes.push(existing === undefined ? created(definition) : judged(definition, existing))
  }
  return changes
}

/** Installs one definition as planned. What is kept or blocked is not touched. */
export async function install(
  connection: EsConnection,
  { definition, action }: Change,
  signal?: AbortSignal,
): Promise<void> {
  if (action === 'keep' || action === 'blocked') return
  const { status, body } = await connection.request({
    method: 'PUT',
    path: pathOf(definition),
    body: stamped(definition),
    ...(signal === undefined ? {} : { signal }),
  })
  if (status !== 200) throw refusal(`installing ${definition.kind} ${definition.name}`, status, body)
}

async function fetchInstalled(
  connection: EsConnection,
  definition: Definition,
  signal: AbortSignal | undefined,
): Promise<Body | undefined> {
  const { status, body } = await connection.request({
    method: 'GET',
    path: pathOf(definition),
    ...(signal === undefined ? {} : { signal }),
  })
  if (status === 404) return undefined
  if (status !== 200) throw refusal(`reading ${definition.kind} ${definition.name}`, status, body)
  return bodyIn(definition, body as Body)
}

function bodyIn({ kind, name }: Definition, answer: Body): Body | undefined {
  if (kind === 'policy') return answer[name] as Body | undefined
  const list = kind === 'component' ? 'component_templates' : 'index_templates'
  const member = kind === 'component' ? 'component_template' : 'index_template'
  const found = (answer[list] as readonly Body[] | undefined)?.find((one) => one['name'] === name)
  return found?.[member] as Body | undefined
}

function created(definition: Definition): Change {
  const differences = differencesOf({}, definition.body)
  return { definition, action: 'create', differences, installedVersion: undefined, remark: undefined }
}

function judged(definition: Definition, existing: Body): Change {
  const { kind, name, body } = definition
  const meta = metaOf(kind, existing)
  const differences = differencesOf(contentOf(kind, existing), body)
  const version = typeof meta['version'] === 'number' ? meta['version'] : undefined
  const change = { definition, differences, installedVersion: version }
  if (meta['by'] !== OWNER) {
    const remark = `${name} exists and is not decklog's: rename or delete it, setup will not touch it`
    return { ...change, action: 'blocked', remark }
  }
  if (version !== undefined && version > SCHEMA_VERSION) {
    const remark = `${name} is of version ${version}, of a newer decklog: this one (version ${SCHEMA_VERSION}) leaves it alone`
    return { ...change, action: 'keep', differences: [], remark }
  }
  const isSame = differences.length === 0 || (kind === 'policy' && meta['hash'] === hashOf(body))
  if (isSame && version === SCHEMA_VERSION) {
    return { ...change, action: 'keep', differences: [], remark: undefined }
  }
  const byHand = meta['hash'] === hashOf(body) && differences.length > 0
  const remark = byHand ? `${name} was changed by another hand since decklog installed it` : undefined
  return { ...change, action: 'update', remark }
}

function metaOf(kind: Definition['kind'], existing: Body): Body {
  const holder = kind === 'policy' ? ((existing['policy'] ?? {}) as Body) : existing
  return (holder['_meta'] ?? {}) as Body
}
