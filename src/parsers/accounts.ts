import type { Draft, JsonObject } from '../core/document.ts'
import type { FormatDefinition } from '../ports/format.ts'
import { ACCOUNT_ACTIONS, ACCOUNT_MESSAGES, type AccountMeaning } from './support/account-messages.ts'
import { child, processName, putUser, relate, writtenBy } from './support/document.ts'
import type { TemplateValues } from './support/templates.ts'

/** Who is created, deleted, changed; who may do what; who is in which group: the programs of shadow, by their messages. */
export const accounts: FormatDefinition = {
  name: 'accounts',
  version: 1,
  kind: 'payload',
  title:
    'Accounts and groups: useradd, usermod, userdel, passwd, chage, groupadd, groupmod, groupdel, gpasswd, newgrp',
  definedBy: 'shadow: src/*.c and lib/cleanup_*.c',
  dataset: 'system.auth',
  example: 'new user: name=alice, UID=1001, GID=1001, home=/home/alice, shell=/bin/bash, from=/dev/pts/1',
  remarks: [
    'The message stays as it is; nothing is kept in `event.original`. Lines of PAM modules under these names (`pam_unix(passwd:chauthtok): …`) are read by the format `pam`.',
    'As in Elastic’s documents `user.name` is the account that useradd, usermod and userdel work on, and `user.target.*` says the same; where the message names who did it (gpasswd, passwd), `user.name` is that person and `user.target.name` the account. A new name is `user.changes.name`. `system.auth.useradd.shell` ends before `, from=TTY`, which Elastic’s pattern takes into it; that is `decklog.accounts.tty`.',
    '`decklog.accounts` has `attribute`, `from`, `to`, `file`, `tty`, `login` and `change`. Only messages of these programs are read, or ones of their form where no process name is known.',
  ],
  actions: ACCOUNT_ACTIONS,
  parse,
}

/** `event.type` by writer, as Elastic has it. */
const TYPES: Readonly<Record<string, readonly string[]>> = {
  useradd: ['user', 'creation'],
  newusers: ['user', 'creation'],
  userdel: ['user', 'deletion'],
  usermod: ['user', 'change'],
  groupadd: ['group', 'creation'],
  groupdel: ['group', 'deletion'],
  groupmod: ['group', 'change'],
  groupmems: ['group', 'change'],
  gpasswd: ['change'],
  chgpasswd: ['group', 'change'],
  passwd: ['user', 'change'],
  chpasswd: ['user', 'change'],
  chage: ['user', 'change'],
  chfn: ['user', 'change'],
  chsh: ['user', 'change'],
  vipw: ['user', 'change'],
  newgrp: ['info'],
  sg: ['info'],
}
const WRITERS = Object.keys(TYPES)

function parse(message: string, draft: Draft): boolean {
  if (!writtenBy(draft, WRITERS) || message.startsWith('pam_')) return false
  const text = message.includes('`') ? message.replaceAll('`', "'") : message
  const writer = processName(draft)
  const found = ACCOUNT_MESSAGES.match(text)
  if (found === undefined && writer === undefined) return false
  const meaning = found?.meaning ?? { action: 'account_message', failed: text.includes('fail') }
  putEvent(draft, meaning, writer)
  if (found !== undefined) putValues(draft, meaning, found.values)
  return true
}

function putEvent(draft: Draft, meaning: AccountMeaning, writer: string | undefined): void {
  const { action } = meaning
  const event = child(draft.fields, 'event')
  event['action'] = action
  const isSession = action === 'group-entered' || action === 'group-left'
  event['category'] = [isSession ? 'session' : 'iam']
  event['type'] = isSession ? [action === 'group-left' ? 'end' : 'start'] : typesOf(meaning, writer)
  event['outcome'] = meaning.failed === true ? 'failure' : 'success'
}

/** A group that useradd made for its user is a group's creation, not a user's. */
function typesOf({ action }: AccountMeaning, writer: string | undefined): string[] {
  if (action === 'group-created') return ['group', 'creation']
  if (action === 'group-deleted') return ['group', 'deletion']
  const types = writer === undefined ? undefined : TYPES[writer]
  return types === undefined ? [action.startsWith('group') ? 'group' : 'user', 'change'] : [...types]
}

function putValues(draft: Draft, meaning: AccountMeaning, values: TemplateValues): void {
  putUsers(draft, meaning, values)
  const group: JsonObject = {}
  if (values['group'] !== undefined) group['name'] = values['group']
  if (values['gid'] !== undefined) group['id'] = values['gid']
  if (Object.keys(group).length > 0) draft.fields['group'] = group
  if (values['home'] !== undefined && values['shell'] !== undefined) {
    const useradd = { home: values['home'], shell: values['shell'] }
    child(child(draft.fields, 'system'), 'auth')['useradd'] = useradd
  }
  if (values['reason'] !== undefined) child(draft.fields, 'event')['reason'] = values['reason']
  putDetails(draft, meaning, values)
}

function putUsers(draft: Draft, { self, attribute }: AccountMeaning, values: TemplateValues): void {
  const target = values['user']
  const actor = values['by'] ?? (self === true ? target : undefined)
  const user: JsonObject = {}
  if (actor !== undefined) {
    user['name'] = actor
    relate(draft, 'user', actor)
  }
  if (values['uid'] !== undefined) user['id'] = values['uid']
  if (target !== undefined) {
    user['target'] = values['uid'] === undefined ? { name: target } : { name: target, id: values['uid'] }
    relate(draft, 'user', target)
  }
  if (attribute === 'name' && target !== undefined) {
    user['changes'] = { name: values['to']! }
    relate(draft, 'user', values['to']!)
  }
  if (Object.keys(user).length > 0) putUser(draft, user)
}

function putDetails(draft: Draft, { attribute }: AccountMeaning, values: TemplateValues): void {
  const details: JsonObject = {}
  if (attribute !== undefined) details['attribute'] = attribute
  for (const name of ['from', 'to', 'file', 'tty', 'login', 'change']) {
    if (values[name] !== undefined) details[name] = values[name]
  }
  if (Object.keys(details).length > 0) child(draft.fields, 'decklog')['accounts'] = details
}
