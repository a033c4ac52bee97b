/** Roles that run today; `detect` is none of its own: rules on single events run in `process`. */
export const ROLE_NAMES = ['ship', 'process', 'index', 'archive', 'serve'] as const
export type RoleName = (typeof ROLE_NAMES)[number]
