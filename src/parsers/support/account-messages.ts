import { TemplateSet } from './templates.ts'

/** Every `event.action` of the account programs; those of Elastic's system integration have its names. */
export const ACCOUNT_ACTIONS = {
  'user-created': 'A user was created, or that failed (`event.outcome`)',
  'user-deleted': 'A user was deleted',
  'user-changed': 'A user’s name, number, home, shell, expiry or description was changed',
  'user-locked': 'A user’s password was locked',
  'user-unlocked': 'A user’s password was unlocked',
  'password-changed': 'A password was set, removed, locked or made to expire',
  'password-expiry-changed': 'When a password or account expires was changed',
  'group-created': 'A group was created',
  'group-deleted': 'A group was deleted',
  'group-changed': 'A group’s name, number, password, members or administrators were changed',
  'group-member-added': 'A user was put into a group by useradd or usermod',
  'group-member-removed': 'A user was taken out of a group by usermod or userdel',
  'group-user-added': 'A user was put into a group by gpasswd; `user.name` did it',
  'group-user-removed': 'A user was taken out of a group by gpasswd; `user.name` did it',
  'group-entered': 'A user works with the rights of another group (newgrp, sg)',
  'group-left': 'A user is back from another group',
  account_refused: 'Somebody tried what is not theirs to do, or gave a wrong password',
  account_failed: 'A change of an account or group failed',
  account_message: 'Another message of an account program',
} as const

export type AccountAction = keyof typeof ACCOUNT_ACTIONS

/** What a template stands for, beside its values. */
export interface AccountMeaning {
  readonly action: AccountAction
  /** Which attribute `{from}` and `{to}` are of. */
  readonly attribute?: string
  /** `{user}` is who did it too, as Elastic's documents have it. */
  readonly self?: boolean
  readonly failed?: boolean
}

const of = (action: AccountAction, more: Omit<AccountMeaning, 'action'> = {}): AccountMeaning => ({
  action,
  ...more,
})
const changed = (attribute: string): AccountMeaning => of('user-changed', { attribute, self: true })
const failed = of('account_failed', { failed: true })
const refused = of('account_refused', { failed: true })
const added = of('group-member-added', { self: true })
const removed = of('group-member-removed')

/**
 * shadow: src/useradd.c, usermod.c, userdel.c, groupadd.c, groupmod.c, groupdel.c, gpasswd.c, passwd.c, chage.c, chsh.c, chfn.c,
 * newgrp.c, lib/cleanup_*.c. Older versions write `name' for 'name'.
 */
export const ACCOUNT_MESSAGES = new TemplateSet<AccountMeaning>([
  [
    'new user: name={user}, UID={uid}, GID={gid}, home={home}, shell={shell}, from={tty}',
    of('user-created', { self: true }),
  ],
  [
    'new user: name={user}, UID={uid}, GID={gid}, home={home}, shell={shell}',
    of('user-created', { self: true }),
  ],
  ['new group: name={group}, GID={gid}', of('group-created')],
  ["failed adding user '{user}', {reason}", of('user-created', { self: true, failed: true })],
  ["add '{user}' to group '{group}'", added],
  ["add '{user}' to shadow group '{group}'", added],
  ["add admin '{user}' to shadow group '{group}'", added],
  ["delete user '{user}'", of('user-deleted', { self: true })],
  ["delete '{user}' from group '{group}'", removed],
  ["delete '{user}' from shadow group '{group}'", removed],
  ["delete admin '{user}' from shadow group '{group}'", removed],
  ["removed group '{group}' owned by '{user}'", of('group-deleted')],
  ["removed shadow group '{group}' owned by '{user}'", of('group-deleted')],
  ["removed group '{group}'", of('group-deleted')],
  ["removed shadow group '{group}'", of('group-deleted')],
  ["change user name '{user}' to '{to}'", changed('name')],
  ["change user '{user}' UID from '{from}' to '{to}'", changed('uid')],
  ["change user '{user}' GID from '{from}' to '{to}'", changed('gid')],
  ["change user '{user}' home from '{from}' to '{to}'", changed('home')],
  ["change user '{user}' shell from '{from}' to '{to}'", changed('shell')],
  ["change user '{user}' expiration from '{from}' to '{to}'", changed('expiration')],
  ["change user '{user}' inactive from '{from}' to '{to}'", changed('inactive')],
  ["change user '{user}' password", of('password-changed', { self: true })],
  ["change '{user}' to '{to}' in group '{group}'", changed('name')],
  ["change '{user}' to '{to}' in shadow group '{group}'", changed('name')],
  ["change admin '{user}' to '{to}' in shadow group '{group}'", changed('name')],
  ["changed user '{user}' information", changed('description')],
  ["changed user '{user}' shell to '{to}'", changed('shell')],
  ["lock user '{user}' password", of('user-locked', { self: true })],
  ["unlock user '{user}' password", of('user-unlocked', { self: true })],
  ['group added to {file}: name={group}, GID={gid}', of('group-created')],
  ['group added to {file}: name={group}', of('group-created')],
  ['group changed in {file} (group {group}/{gid}, {change})', of('group-changed')],
  ['group changed in {file} (group {group}, {change})', of('group-changed')],
  ["group '{group}' removed from {file}", of('group-deleted')],
  ["group '{group}' removed", of('group-deleted')],
  ["remove group '{group}'", of('group-deleted')],
  ["change group '{group}' to '{to}'", of('group-changed', { attribute: 'name' })],
  ["change GID for '{group}' to {to}", of('group-changed', { attribute: 'gid' })],
  ['user {user} added by {by} to group {group}', of('group-user-added')],
  ['user {user} removed by {by} from group {group}', of('group-user-removed')],
  ['members of group {group} set by {by} to {to}', of('group-changed', { attribute: 'members' })],
  [
    'administrators of group {group} set by {by} to {to}',
    of('group-changed', { attribute: 'administrators' }),
  ],
  ['password of group {group} changed by {by}', of('group-changed', { attribute: 'password' })],
  ['password of group {group} removed by {by}', of('group-changed', { attribute: 'password' })],
  ['access to group {group} restricted by {by}', of('group-changed', { attribute: 'access' })],
  ['{by} failed to add user {user} to group {group}: {reason}', failed],
  ['{by} failed to remove user {user} from group {group}: {reason}', failed],
  ['{by} failed to add user {user} to group {group}', failed],
  ['{by} failed to remove user {user} from group {group}', failed],
  ['{by} failed to remove password of group {group}', failed],
  ['{by} failed to change password of group {group}', failed],
  ['{by} failed to restrict access to group {group}', failed],
  ['{by} failed to set members of group {group} to {to}', failed],
  ['{by} failed to set administrators of group {group} to {to}', failed],
  ["password for '{user}' changed by '{by}'", of('password-changed')],
  ['password for {user} changed by {by}', of('password-changed')],
  ["password locked for '{user}'", refused],
  ["now < minimum age for '{user}'", refused],
  ['incorrect password for {user}', refused],
  ["can't view or modify password information for {user}", refused],
  ['{by} is not authorized by SELinux to change the password of {user}', refused],
  ['changed password expiry for {user}', of('password-expiry-changed', { self: true })],
  [
    "user '{user}' (login '{login}' on {tty}) switched to group '{group}'",
    of('group-entered', { self: true }),
  ],
  ["user '{user}' (login '{login}' on {tty}) returned to group '{group}'", of('group-left', { self: true })],
  ["Invalid password for group '{group}' from '{user}'", of('account_refused', { failed: true, self: true })],
  ['failed to add group {group} to {file}', failed],
  ['failed to remove group {group} from {file}', failed],
  ['failed to change {file} (group {group}/{gid}, {change})', failed],
  ['failed to add user {user} to {file}', failed],
  ['failed to add user {user}', failed],
  ['failed to add group {group}', failed],
  ['failed to remove group {group}', failed],
])
