import type { Draft, JsonObject } from '../core/document.ts'
import type { FormatDefinition } from '../ports/format.ts'
import { child, putUser, relate, writtenBy } from './support/document.ts'
import { TemplateSet, type TemplateValues } from './support/templates.ts'

/** polkitd's decisions that asked somebody, and pkexec, which runs a command by them. */
export const polkit: FormatDefinition = {
  name: 'polkit',
  version: 1,
  kind: 'payload',
  title: 'polkit: polkitd, pkexec',
  definedBy: 'polkit: src/polkitbackend/polkitbackendinteractiveauthority.c, src/programs/pkexec.c',
  dataset: 'system.auth',
  example: 'alice: Executing command [USER=root] [TTY=/dev/pts/0] [CWD=/home/alice] [COMMAND=/usr/bin/id]',
  remarks: [
    'The message stays as it is; nothing is kept in `event.original`. `user.name` is who asked, `user.effective.name` whom they became or authenticated as. `decklog.polkit` has `action` (polkit’s id), `subject`, `tty`, `cwd`, `command` and `grant`.',
  ],
  actions: {
    polkit_authorized: 'Somebody authenticated and may do what they asked for',
    polkit_refused: 'Authentication failed, or was given up',
    pkexec_command: 'A command was run as another user',
    pkexec_refused: 'pkexec refused, with its reason',
  },
  parse,
}

interface Meaning {
  readonly action: string
  readonly outcome: 'success' | 'failure'
}

const authorized: Meaning = { action: 'polkit_authorized', outcome: 'success' }
const refused: Meaning = { action: 'polkit_refused', outcome: 'failure' }

const MESSAGES = new TemplateSet<Meaning>([
  [
    'Operator of {session} successfully authenticated as unix-user:{as} to gain {grant} authorization for action {action} for {subject} (owned by unix-user:{user})',
    authorized,
  ],
  [
    'Operator of {session} FAILED to authenticate to gain authorization for action {action} for {subject} (owned by unix-user:{user})',
    refused,
  ],
  [
    '{user}: Executing command [USER={as}] [TTY={tty}] [CWD={cwd}] [COMMAND={command}]',
    { action: 'pkexec_command', outcome: 'success' },
  ],
  [
    '{user}: {reason} [USER={as}] [TTY={tty}] [CWD={cwd}] [COMMAND={command}]',
    { action: 'pkexec_refused', outcome: 'failure' },
  ],
])

function parse(text: string, draft: Draft): boolean {
  if (!writtenBy(draft, ['polkitd', 'pkexec', 'polkit-agent-helper-1']) || text.startsWith('pam_'))
    return false
  const found = MESSAGES.match(text)
  if (found === undefined) return false
  const isCommand = found.meaning.action.startsWith('pkexec')
  const event = child(draft.fields, 'event')
  event['action'] = found.meaning.action
  event['category'] = isCommand ? ['process'] : ['authentication']
  event['type'] = [found.meaning.action === 'pkexec_command' ? 'start' : 'info']
  event['outcome'] = found.meaning.outcome
  if (found.values['reason'] !== undefined) event['reason'] = found.values['reason']
  putValues(draft, found.values)
  return true
}

function putValues(draft: Draft, values: TemplateValues): void {
  const { user, as } = values
  const users: JsonObject = {}
  if (user !== undefined && user !== '') users['name'] = user
  if (as !== undefined && as !== '') users['effective'] = { name: as }
  putUser(draft, users)
  relate(draft, 'user', user ?? '')
  relate(draft, 'user', as ?? '')
  const details: JsonObject = {}
  for (const name of ['action', 'subject', 'session', 'grant', 'tty', 'cwd', 'command'])
    if (values[name] !== undefined) details[name] = values[name]
  child(draft.fields, 'decklog')['polkit'] = details
}
