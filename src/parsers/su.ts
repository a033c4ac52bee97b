import type { Draft } from '../core/document.ts'
import type { FormatDefinition } from '../ports/format.ts'
import { child, relate, writtenBy } from './support/document.ts'

/**
 *     [FAILED (SU|RUNUSER) ](to TARGET) USER on TTY         util-linux su, runuser; newer shadow
 *     Successful su for TARGET by USER                      shadow
 *     FAILED su for TARGET by USER
 *     + TTY USER:TARGET        - TTY USER:TARGET            shadow; + is success
 *     'su TARGET' (succeeded|failed) for USER on TTY        RFC 3164's example, System V
 *     [BAD SU ]USER to TARGET on TTY                        BSD
 *
 * TARGET is what was typed, so it is read from the side where TTY and USER, which the system knows, stand.
 */
export const su: FormatDefinition = {
  name: 'su',
  version: 1,
  kind: 'payload',
  title: 'su',
  definedBy: 'util-linux login-utils/su-common.c, shadow src/su.c, FreeBSD usr.bin/su/su.c',
  dataset: 'system.auth',
  example: 'FAILED SU (to root) alice on pts/0',
  remarks: [
    'The message stays as it is; nothing is kept in `event.original`. `user.name` is who called su, `user.effective.name` whom they became or wanted to become, `decklog.su.tty` where. Session lines are read by the format `pam`.',
  ],
  actions: { su: 'A user became another, or tried to (`event.outcome`)' },
  parse,
}

interface Switch {
  readonly outcome: 'success' | 'failure'
  readonly user: string
  readonly target: string
  readonly tty?: string
}

function parse(text: string, draft: Draft): boolean {
  if (!writtenBy(draft, ['su', 'runuser', 'su-l'])) return false
  const found = utilLinux(text) ?? shadow(text) ?? shadowShort(text) ?? systemV(text) ?? bsd(text)
  if (found === undefined || found.target === '') return false
  const event = child(draft.fields, 'event')
  event['action'] = 'su'
  event['category'] = ['authentication']
  event['type'] = ['info']
  event['outcome'] = found.outcome
  const user = child(draft.fields, 'user')
  if (found.user !== '') user['name'] = found.user
  child(user, 'effective')['name'] = found.target
  relate(draft, 'user', found.user)
  relate(draft, 'user', found.target)
  if (found.tty !== undefined) child(child(draft.fields, 'decklog'), 'su')['tty'] = found.tty
  return true
}

function utilLinux(text: string): Switch | undefined {
  const failed = text.startsWith('FAILED SU ') ? 10 : text.startsWith('FAILED RUNUSER ') ? 15 : 0
  const on = text.lastIndexOf(' on ')
  const close = text.lastIndexOf(') ', on)
  if (!text.startsWith('(to ', failed) || close < failed + 4 || on < close) return undefined
  const target = text.slice(failed + 4, close)
  const outcome = failed > 0 ? 'failure' : 'success'
  return { outcome, target, user: text.slice(close + 2, on), tty: text.slice(on + 4) }
}

function shadow(text: string): Switch | undefined {
  const success = text.startsWith('Successful su for ')
  const start = success ? 18 : text.startsWith('FAILED su for ') ? 14 : -1
  const by = text.lastIndexOf(' by ')
  if (start < 0 || by < start) return undefined
  return { outcome: success ? 'success' : 'failure', target: text.slice(start, by), user: text.slice(by + 4) }
}

function shadowShort(text: string): Switch | undefined {
  const sign = text.charCodeAt(0)
  const space = text.indexOf(' ', 2)
  const colon = text.indexOf(':', space)
  if ((sign !== 43 && sign !== 45) || text.charCodeAt(1) !== 32 || space < 3 || colon < 0) return undefined
  const names = {
    user: text.slice(space + 1, colon),
    target: text.slice(colon + 1),
    tty: text.slice(2, space),
  }
  return { outcome: sign === 43 ? 'success' : 'failure', ...names }
}

function systemV(text: string): Switch | undefined {
  const end = text.lastIndexOf("' ")
  const on = text.lastIndexOf(' on ')
  if (!text.startsWith("'su ") || end < 4) return undefined
  const success = text.startsWith("' succeeded for ", end)
  if (!success && !text.startsWith("' failed for ", end)) return undefined
  const from = end + (success ? 16 : 13)
  if (on < from) return undefined
  const target = text.slice(4, end)
  return {
    outcome: success ? 'success' : 'failure',
    target,
    user: text.slice(from, on),
    tty: text.slice(on + 4),
  }
}

function bsd(text: string): Switch | undefined {
  const bad = text.startsWith('BAD SU ') ? 7 : 0
  const on = text.lastIndexOf(' on ')
  const to = text.indexOf(' to ', bad)
  if (to <= bad || on < to + 4) return undefined
  const user = text.slice(bad, to)
  const target = text.slice(to + 4, on)
  if (user.includes(' ') || target.includes(' ')) return undefined
  return { outcome: bad > 0 ? 'failure' : 'success', user, target, tty: text.slice(on + 4) }
}
