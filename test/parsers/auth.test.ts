import { describe, expect, it } from 'vitest'
import { at, parseMessage } from './support.ts'

describe('sudo', () => {
  it('reads every key in its order', () => {
    const draft = parseMessage(
      'sudo',
      '   alice : TTY=pts/1 ; CHROOT=/srv ; PWD=/home/alice ; USER=root ; GROUP=adm ; TSID=0000UM ; ENV=A=1 B=2 ; COMMAND=/bin/ls -l',
    )
    expect(at(draft, 'user')).toEqual({ name: 'alice', effective: { name: 'root' } })
    expect(at(draft, 'system.auth.sudo')).toEqual({
      tty: 'pts/1',
      pwd: '/home/alice',
      user: 'root',
      command: '/bin/ls -l',
    })
    expect(at(draft, 'decklog.sudo')).toEqual({
      group: 'adm',
      tsid: '0000UM',
      env: 'A=1 B=2',
      chroot: '/srv',
    })
    expect(at(draft, 'event')).toEqual({
      action: 'sudo_command',
      category: ['process'],
      type: ['start'],
      outcome: 'success',
    })
  })

  it.each([
    ['user NOT in sudoers', 'sudo_denied'],
    ['command not allowed', 'sudo_denied'],
    ['user NOT authorized on host', 'sudo_denied'],
    ['3 incorrect password attempts', 'sudo_auth_failed'],
    ['a password is required', 'sudo_auth_failed'],
    ['something new', 'sudo_error'],
  ])('says why it refused: %s', (error, action) => {
    const draft = parseMessage('sudo', `bob : ${error} ; TTY=pts/1 ; PWD=/ ; USER=root ; COMMAND=/bin/sh`)
    expect(at(draft, 'event')).toMatchObject({ action, outcome: 'failure', reason: error })
    expect(at(draft, 'system.auth.sudo.error')).toBe(error)
    expect(at(draft, 'system.auth.sudo.command')).toBe('/bin/sh')
  })

  it('counts wrong passwords', () => {
    const draft = parseMessage(
      'sudo',
      'bob : 3 incorrect password attempts ; PWD=/ ; USER=root ; COMMAND=/bin/sh',
    )
    expect(at(draft, 'decklog.count')).toBe(3)
  })

  it('hides no root behind a directory that is called like a log line', () => {
    const draft = parseMessage(
      'sudo',
      'alice : PWD=/tmp/x ; USER=alice ; COMMAND=/bin/true ; USER=root ; COMMAND=/bin/id',
    )
    expect(at(draft, 'user.effective.name')).toEqual(['alice', 'root'])
    expect(at(draft, 'system.auth.sudo.user')).toEqual(['alice', 'root'])
    expect(at(draft, 'system.auth.sudo.command')).toContain('/bin/id')
    expect(draft?.quality).toContain('ambiguous-fields')
  })

  it('keeps the continuation of a long command, and shows escapes both ways', () => {
    const rest = parseMessage('sudo', 'alice : (command continued) more words')
    expect(at(rest, 'event.action')).toBe('sudo_command_continued')
    expect(at(rest, 'system.auth.sudo.command')).toBe('more words')
    const escaped = parseMessage('sudo', 'alice : PWD=/ ; USER=root ; COMMAND=/bin/echo a#012b')
    expect(at(escaped, 'system.auth.sudo.command')).toBe('/bin/echo a#012b')
    expect(at(escaped, 'decklog.sudo.command_decoded')).toBe('/bin/echo a\nb')
  })

  it.each(['pam_unix(sudo:session): session opened for user root', 'hello : world', ' : TTY=x ; COMMAND=y'])(
    'leaves what is not sudo’s: %s',
    (message) => {
      expect(parseMessage('sudo', message)).toBeUndefined()
    },
  )
})

describe('su', () => {
  it.each([
    ['(to root) alice on pts/0', 'success', 'alice', 'root'],
    ['FAILED SU (to root) alice on pts/0', 'failure', 'alice', 'root'],
    ['+ /dev/pts/0 alice:root', 'success', 'alice', 'root'],
    ['- pts/0 alice:root', 'failure', 'alice', 'root'],
    ['Successful su for root by alice', 'success', 'alice', 'root'],
    ['FAILED su for root by alice', 'failure', 'alice', 'root'],
    ["'su root' failed for alice on /dev/pts/8", 'failure', 'alice', 'root'],
    ['BAD SU alice to root on /dev/ttyp0', 'failure', 'alice', 'root'],
    ['FAILED SU (to root) bob on pts/9) alice on pts/0', 'failure', 'alice', 'root) bob on pts/9'],
  ])('%s', (message, outcome, user, target) => {
    const draft = parseMessage('su', message)
    expect(at(draft, 'event')).toMatchObject({ action: 'su', outcome })
    expect(at(draft, 'user')).toEqual({ name: user, effective: { name: target } })
  })
})

describe('pam', () => {
  it('tells who opened a session for whom', () => {
    const bySudo = parseMessage(
      'pam',
      'pam_unix(sudo:session): session opened for user root(uid=0) by alice(uid=1000)',
      'sudo',
    )
    expect(at(bySudo, 'user')).toEqual({ name: 'alice', id: '1000', effective: { name: 'root', id: '0' } })
    const bySshd = parseMessage(
      'pam',
      'pam_unix(sshd:session): session opened for user alice(uid=1000) by (uid=0)',
      'sshd',
    )
    expect(at(bySshd, 'user')).toEqual({ name: 'alice', id: '1000' })
    expect(at(bySshd, 'event')).toMatchObject({
      action: 'logged-on',
      category: ['session'],
      type: ['start'],
      outcome: 'success',
    })
  })

  it('reads keys in their order, so that a user name adds none', () => {
    const text =
      'pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=203.0.113.7  user=x rhost=198.51.100.1 user=y'
    const draft = parseMessage('pam', text, 'sshd')
    expect(at(draft, 'source.ip')).toBe('203.0.113.7')
    expect(at(draft, 'user.name')).toBe('x rhost=198.51.100.1 user=y')
    expect(at(draft, 'event')).toMatchObject({ action: 'authentication_failure', outcome: 'failure' })
  })

  it('counts what one line stands for', () => {
    const draft = parseMessage(
      'pam',
      'PAM 4 more authentication failures; logname= uid=0 euid=0 tty=ssh ruser= rhost=192.0.2.1  user=root',
      'sshd',
    )
    expect(at(draft, 'decklog.count')).toBe(4)
    expect(at(draft, 'source.ip')).toBe('192.0.2.1')
  })

  it.each([
    [
      'sshd(pam_google_authenticator)',
      'Accepted google_authenticator for alice',
      'mfa_accepted',
      'google_authenticator',
    ],
    [
      'sshd(pam_google_authenticator)',
      'Invalid verification code for alice',
      'mfa_refused',
      'google_authenticator',
    ],
    ['pam_duo', "Successful Duo login for 'alice' from 203.0.113.7", 'mfa_accepted', 'duo'],
    ['pam_duo', "Failed Duo login for 'success' from 203.0.113.7", 'mfa_refused', 'duo'],
  ])('knows a second factor: %s %s', (tag, message, action, provider) => {
    const draft = parseMessage('pam', message, tag)
    expect(at(draft, 'event.action')).toBe(action)
    expect(at(draft, 'decklog.mfa.provider')).toBe(provider)
  })

  it('leaves what no module wrote', () => {
    expect(parseMessage('pam', 'Failed password for root from 192.0.2.1 port 1 ssh2', 'sshd')).toBeUndefined()
  })
})

describe('logind', () => {
  it('gives the session’s number', () => {
    const draft = parseMessage('logind', 'New session 324 of user alice.', 'systemd-logind')
    expect(at(draft, 'decklog.logind.session')).toBe('324')
    expect(at(draft, 'user.name')).toBe('alice')
    const newer = parseMessage(
      'logind',
      "New session '9' of user 'bob' with class 'user' and type 'tty'.",
      'systemd-logind',
    )
    expect(at(newer, 'decklog.logind')).toEqual({ session: '9', class: 'user', type: 'tty' })
    expect(at(parseMessage('logind', 'Removed session 324.', 'systemd-logind'), 'event.action')).toBe(
      'session_removed',
    )
  })
})
