import { namesOf } from '../context.ts'
import { AUDIT_KIND } from './plan.ts'
import { type StreamKind, patternOf } from './templates.ts'

export const ROLE_NAMES = ['writer', 'reader', 'replay', 'retention', 'setup'] as const
export type RoleName = (typeof ROLE_NAMES)[number]

/** The body of `PUT /_security/role/<name>`, and of `role_descriptors` of an API key. */
export interface RoleDescriptor {
  readonly cluster: readonly string[]
  readonly indices: readonly {
    readonly names: readonly string[]
    readonly privileges: readonly string[]
  }[]
}

/**
 * The least that each part of decklog needs. `writer`: the indexer. `reader`: serve, which changes nothing but with `replay`, which
 * removes the dead letters that were replayed. `retention`: what the process needs besides that runs the retention; the only one
 * that may delete indices. `setup`: the person who runs `decklog setup`; may not read events and not delete.
 */
export function roleDescriptor(role: RoleName, given: readonly StreamKind[], prefix = ''): RoleDescriptor {
  const names = namesOf(prefix)
  const own = [names.records, names.coverage]
  const patternsOf = (kinds: readonly StreamKind[]): readonly string[] => [
    ...new Set(kinds.map((kind) => patternOf(kind, prefix))),
  ]
  const audit = patternsOf([AUDIT_KIND])
  const streams = patternsOf([...given, AUDIT_KIND])
  switch (role) {
    case 'writer':
      return {
        // The cluster's state names the backing indices.
        cluster: ['monitor'],
        indices: [
          // read: looks up ids in older indices; auto_configure: the first write makes the data stream; delete: a second copy of an
          // event that was written around a rollover is removed again. The audit stream is left to the retention.
          {
            names: patternsOf(given).filter((name) => !audit.includes(name)),
            privileges: ['create_doc', 'auto_configure', 'read', 'view_index_metadata', 'monitor', 'delete'],
          },
          { names: own, privileges: ['read', 'index', 'delete', 'view_index_metadata', 'maintenance'] },
          // One index a day: ids that senders gave their events.
          {
            names: [`${names.claims}-*`],
            privileges: ['read', 'index', 'create_index', 'view_index_metadata'],
          },
        ],
      }
    case 'reader':
      return {
        cluster: ['monitor'],
        indices: [
          { names: streams, privileges: ['read', 'view_index_metadata', 'monitor'] },
          { names: own, privileges: ['read', 'view_index_metadata'] },
        ],
      }
    case 'replay':
      return {
        cluster: [],
        // maintenance: what was removed is not listed any more.
        indices: [{ names: [names.records], privileges: ['read', 'delete', 'maintenance'] }],
      }
    case 'retention':
      return {
        cluster: ['monitor'],
        indices: [
          {
            names: streams,
            privileges: [
              'read',
              'view_index_metadata',
              'monitor',
              'maintenance',
              'delete_index',
              'indices:admin/rollover',
              'indices:admin/block/add*',
            ],
          },
          // Says what it deletes.
          { names: audit, privileges: ['create_doc', 'auto_configure'] },
          { names: [names.records], privileges: ['read', 'index', 'view_index_metadata'] },
          { names: [`${names.claims}-*`], privileges: ['view_index_metadata', 'delete_index'] },
        ],
      }
    case 'setup':
      return {
        cluster: ['monitor', 'manage_index_templates', 'manage_ilm'],
        indices: [
          {
            names: streams,
            privileges: [
              'view_index_metadata',
              'monitor',
              'indices:admin/mapping/put',
              'indices:admin/settings/update',
              'indices:admin/rollover',
              // A lifecycle policy acts with the rights of who installed it: what moves to warm nodes is closed to writes and merged.
              'indices:admin/block/add*',
              'indices:admin/forcemerge*',
            ],
          },
          { names: own, privileges: ['create_index', 'view_index_metadata'] },
        ],
      }
  }
}
