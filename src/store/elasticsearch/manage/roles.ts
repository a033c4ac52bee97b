import { namesOf } from '../context.ts'
import { AUDIT_KIND } from './plan.ts'
import { type StreamKind, patternOf } from './templates.ts'

export const ROLE_NAMES = ['writer', 'reader', 'retention', 'setup'] as const
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
 * The least that each part of decklog needs. `writer`: the indexer. `reader`: serve, which changes nothing. `retention`: what the
 * process needs besides that runs the retention; the only one that may delete indices. `setup`: the person who runs `decklog setup`;
 * may not read events and not delete.
 */
export function roleDescriptor(role: RoleName, given: readonly StreamKind[], prefix = ''): RoleDescriptor {
  const names = namesOf(prefix)
  const own = [names.records, names.coverage]
  const streams = [...new Set([...given, AUDIT_KIND].map((kind) => patternOf(kind, prefix)))]
  switch (role) {
    case 'writer':
      return {
        // The cluster's state names the backing indices.
        cluster: ['monitor'],
        indices: [
          // read: looks up ids in older indices; auto_configure: the first write makes the data stream.
          {
            names: streams,
            privileges: ['create_doc', 'auto_configure', 'read', 'view_index_metadata', 'monitor'],
          },
          // A second copy of an event that was written around a rollover is removed again; of the audit stream it would stay.
          { names: given.map((kind) => patternOf(kind, prefix)), privileges: ['delete'] },
          { names: own, privileges: ['read', 'index', 'delete', 'view_index_metadata', 'maintenance'] },
        ],
      }
    case 'reader':
      return {
        cluster: ['monitor'],
        indices: [
          { names: streams, privileges: ['read', 'view_index_metadata', 'monitor'] },
          { names: own, privileges: ['read', 'view_index_metadata', 'maintenance'] },
        ],
      }
    case 'retention':
      return {
        cluster: ['monitor'],
        indices: [
          {
            names: streams,
            privileges: [
              'read',
              'create_doc',
              'auto_configure',
              'view_index_metadata',
              'monitor',
              'maintenance',
              'delete_index',
              'indices:admin/rollover',
              'indices:admin/block/add*',
            ],
          },
          { names: [names.records], privileges: ['read', 'index', 'view_index_metadata'] },
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
            ],
          },
          { names: own, privileges: ['create_index', 'view_index_metadata'] },
        ],
      }
  }
}
