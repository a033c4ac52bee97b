import { describe, expect, it } from 'vitest'
import { TemplateSet } from '../../src/parsers/support/templates.ts'
import { at, parseAs, parseMessage } from './support.ts'

describe('messages by their format strings', () => {
  const set = new TemplateSet<string>([
    ["add '{user}' to group '{group}'", 'add'],
    ['{by} failed: {reason}', 'failed'],
  ])

  it('gives what stands between the literals', () => {
    expect(set.match("add 'bob' to group 'ops'")?.values).toEqual({ user: 'bob', group: 'ops' })
    expect(set.match('root failed: no')).toEqual({ meaning: 'failed', values: { by: 'root', reason: 'no' } })
  })

  it('wants the last literal at the end, and all of them in order', () => {
    expect(set.match("add 'bob' to group 'ops")).toBeUndefined()
    expect(set.match("add 'bob' to 'ops'")).toBeUndefined()
    expect(set.match('')).toBeUndefined()
  })
})

describe('accounts', () => {
  it('names who is created as Elastic does, and as the target', () => {
    const draft = parseMessage(
      'accounts',
      'new user: name=eve, UID=7, GID=8, home=/home/eve, shell=/bin/sh',
      'useradd',
    )
    expect(at(draft, 'user')).toEqual({ name: 'eve', id: '7', target: { name: 'eve', id: '7' } })
    expect(at(draft, 'event')).toEqual({
      action: 'user-created',
      category: ['iam'],
      type: ['user', 'creation'],
      outcome: 'success',
    })
  })

  it('tells who did it from whom it was done to', () => {
    const draft = parseMessage('accounts', 'user alice added by root to group sudo', 'gpasswd')
    expect(at(draft, 'user')).toEqual({ name: 'root', target: { name: 'alice' } })
    expect(at(draft, 'group.name')).toBe('sudo')
  })

  it('takes no line of another writer, nor PAM’s', () => {
    expect(parseMessage('accounts', "delete user 'bob'", 'mallory')).toBeUndefined()
    expect(
      parseMessage('accounts', 'pam_unix(passwd:chauthtok): password changed for bob', 'passwd'),
    ).toBeUndefined()
  })
})

describe('cron', () => {
  it('believes the user that stands before the command, not what the command imitates', () => {
    const draft = parseMessage('cron', "(eve) CMD (echo ') CMD (root' (x))", 'CRON')
    expect(at(draft, 'user.name')).toBe('eve')
    expect(at(draft, 'decklog.cron.command')).toBe("echo ') CMD (root' (x)")
  })
})

describe('sudo', () => {
  const JSON_EXIT =
    '@cee:{"sudo":{"exit":{"uuid":"u","run_time":{"seconds":1,"nanoseconds":5},"exit_value":3,"server_time":{"seconds":1,"nanoseconds":0}}}}'

  it('reads how a command ended', () => {
    const draft = parseMessage('sudo', JSON_EXIT)
    expect(at(draft, 'process.exit_code')).toBe(3)
    expect(at(draft, 'event')).toEqual({
      category: ['process'],
      action: 'sudo_exit',
      type: ['end'],
      duration: 1_000_000_005,
    })
  })

  it('hides no command behind words that look like its end', () => {
    const draft = parseMessage(
      'sudo',
      "alice : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/usr/bin/nsenter -t 1 -a sh -c ' ; EXIT=0",
    )
    expect(at(draft, 'event.action')).toBe('sudo_command')
    expect(at(draft, 'system.auth.sudo.command')).toContain('nsenter')
  })

  it('takes no JSON that is not sudo’s', () => {
    expect(parseMessage('sudo', '{"accept":{"language":"de"}}')).toBeUndefined()
    expect(parseMessage('sudo', '@cee:{"sudo":')).toBeUndefined()
  })
})

describe('sftp', () => {
  it('ends a path at the last quote, for the client may write quotes', () => {
    const draft = parseAs('sftp', 'open "/x" flags READ mode 0666" flags WRITE mode 0600')
    expect(at(draft, 'file.path')).toBe('/x" flags READ mode 0666')
    expect(at(draft, 'decklog.sftp.flags')).toEqual(['WRITE'])
  })

  it('says so where one path may be two', () => {
    expect(parseAs('sftp', 'rename old "/a" new "/b" new "/c"')?.quality).toEqual(['ambiguous-fields'])
  })
})
