import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { formatIso } from '../../src/core/instant.ts'
import { auditd } from '../../src/parsers/auditd.ts'
import { readSocketAddress } from '../../src/parsers/support/auditd-sockaddr.ts'
import { syscallName } from '../../src/parsers/support/auditd-syscalls.ts'
import { resolvePath } from '../../src/parsers/support/auditd-paths.ts'
import { at, contextOf, FIXTURES, newDraft, parseAs } from './support.ts'

const FOLDER = join(FIXTURES, 'auditd')

/** Records that follow one another and have one stamp. */
function eventsOf(file: string): string[][] {
  const events: string[][] = []
  let last = ''
  for (const line of readFileSync(join(FOLDER, file), 'utf8').split('\n').filter(Boolean)) {
    const stamp = /audit\([^)]*\)/.exec(line)![0]
    if (stamp !== last) events.push([])
    events.at(-1)!.push(line)
    last = stamp
  }
  return events
}

function parsed(...records: string[]): ReturnType<typeof parseAs> {
  return parseAs('auditd', records.join('\n'))
}

const STAMP = 'msg=audit(1764000000.123:4711):'
const call = (rest: string): string =>
  `type=SYSCALL ${STAMP} arch=c000003e ${rest} ppid=1 pid=2 auid=1000 uid=0 gid=0 euid=0 comm="x" exe="/bin/x" key=(null)`

describe('joined events', () => {
  it.each(['events', 'older'])('of %s.txt give the documents that are on file', async (name) => {
    const documents = eventsOf(`${name}.txt`).map((records) => {
      const draft = parsed(...records)!
      const { timeNs, fields, quality } = draft
      expect(draft.message).toBe(records.join('\n'))
      return JSON.stringify({ '@timestamp': formatIso(timeNs!), ...fields, quality })
    })
    await expect(`[\n${documents.join(',\n')}\n]\n`).toMatchFileSnapshot(join(FOLDER, `${name}.json`))
  })

  it('of the capture lack nothing', () => {
    for (const records of eventsOf('events.txt')) expect(parsed(...records)!.quality).toEqual([])
  })
})

describe('arguments', () => {
  it('come from many records, in parts, and in hexadecimal', () => {
    const draft = parsed(
      call('syscall=59 success=yes exit=0 items=0'),
      `type=EXECVE ${STAMP} argc=4 a0="sh" a1=2D6320222422 a2_len=12 a2[0]=616263`,
      `type=EXECVE ${STAMP} a2[1]=646566 a3=C3BC0A`,
      `type=PROCTITLE ${STAMP} proctitle=7368`,
    )
    expect(at(draft, 'process.args')).toEqual(['sh', '-c "$"', 'abcdef', 'ü\n'])
    expect(at(draft, 'process.args_count')).toBe(4)
    expect(draft!.quality).toEqual([])
  })

  it('of which a part is lost make the event incomplete', () => {
    const draft = parsed(
      call('syscall=59 success=yes exit=0 items=0'),
      `type=EXECVE ${STAMP} argc=3 a0="sh" a1_len=12 a1[1]=646566 a2="x"`,
      `type=PROCTITLE ${STAMP} proctitle=7368`,
    )
    expect(at(draft, 'decklog.audit.missing')).toEqual(['EXECVE'])
  })

  it('of a call that failed are not expected', () => {
    const draft = parsed(
      call('syscall=59 success=no exit=-2 items=0'),
      `type=PROCTITLE ${STAMP} proctitle="sh"`,
    )
    expect(draft!.quality).toEqual([])
    expect(at(draft, 'event.outcome')).toBe('failure')
    expect(at(draft, 'auditd.data.exit')).toBe('ENOENT')
  })

  it('that come alone and begin late say how many are not there', () => {
    const draft = parsed(`type=EXECVE ${STAMP} a7="x" a8="y"`)
    expect(at(draft, 'process.args')).toEqual(['[... 7 truncated arguments ...]', 'x', 'y'])
  })
})

describe('untrusted text', () => {
  it('cannot bring fields of its own, for the kernel’s come first', () => {
    const draft = parsed(
      `type=USER_AUTH ${STAMP} pid=7 uid=0 auid=1000 ses=1 msg='op=x pid=1 uid=99 auid=0 acct="root" exe="/bin/su" res=failed'`,
    )
    expect(at(draft, 'process.pid')).toBe(7)
    expect(at(draft, 'user.audit.id')).toBe('1000')
    expect(at(draft, 'auditd.log.pid')).toBe('1')
  })

  it('of an account that holds quotes is decoded, and never split', () => {
    const acct = Buffer.from('x" res=success').toString('hex').toUpperCase()
    const draft = parsed(
      `type=USER_LOGIN ${STAMP} pid=7 uid=0 auid=4294967295 ses=4294967295 msg='op=login acct=${acct} exe="/usr/sbin/sshd" hostname=? addr=192.0.2.1 terminal=ssh res=failed'`,
    )
    expect(at(draft, 'user.name')).toBe('x" res=success')
    expect(at(draft, 'event.outcome')).toBe('failure')
    expect(at(draft, 'source.ip')).toBe('192.0.2.1')
  })

  it.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty'])('may be named %s', (name) => {
    const draft = parsed(`type=USER ${STAMP} pid=7 msg='${name}=x ${name}=y op=z'`)
    expect(at(draft, 'auditd.log.op')).toBe('z')
    expect(Object.getPrototypeOf(draft!.fields.auditd)).toBe(Object.prototype)
    if (name !== '__proto__') expect(at(draft, `auditd.log.${name}`)).toEqual(['x', 'y'])
  })

  it('in hexadecimal is redacted, in the message too', () => {
    const redact = (text: string): string => text.replace(/hunter2/g, '***')
    const hex = Buffer.from('mysql\0-phunter2').toString('hex').toUpperCase()
    const text = [
      call('syscall=62 success=yes exit=0 items=0'),
      `type=PROCTITLE ${STAMP} proctitle=${hex}`,
    ].join('\n')
    const draft = newDraft(text)
    expect(auditd.parse(text, draft, { ...contextOf(), redact })).toBe(true)
    expect(at(draft, 'process.title')).toBe('mysql -p***')
    expect(draft.quality).toEqual(['redacted'])
    expect(draft.message).not.toContain(hex)
    expect(draft.message).toContain(Buffer.from('mysql\0-p***').toString('hex').toUpperCase())
  })
})

describe('odd input', () => {
  it('of a message in a message, however deep, ends', () => {
    for (const part of ["msg='", 'msg="a=', "a='", '="', "msg='a=", '{', 'avc: { ', 'old ', '=']) {
      const draft = parsed(`type=USER ${STAMP} ${part.repeat(30_000)}`)
      expect(draft?.timeNs).toBeDefined()
    }
  })

  it('that is no number where one belongs is left to the message', () => {
    const draft = parsed(`type=CRYPTO_KEY_USER ${STAMP} pid=x msg='op=y lport=abc rport=22'`)
    expect(at(draft, 'auditd.log.lport')).toBeUndefined()
    expect(at(draft, 'auditd.log.rport')).toBe(22)
    expect(at(draft, 'process.pid')).toBeUndefined()
  })

  it('of a secret over two parts of an argument leaves none of it', () => {
    const redact = (text: string): string => text.replace(/hunter2/g, '***')
    const hex = Buffer.from('-p hunter2').toString('hex').toUpperCase()
    const text = [
      call('syscall=59 success=yes exit=0 items=0'),
      `type=EXECVE ${STAMP} argc=1 a0_len=${hex.length} a0[0]=${hex.slice(0, 12)} a0[1]=${hex.slice(12)}`,
    ].join('\n')
    const draft = newDraft(text)
    auditd.parse(text, draft, { ...contextOf(), redact })
    expect(at(draft, 'process.args')).toEqual(['-p ***'])
    expect(draft.message).not.toContain(hex.slice(12))
    expect(draft.quality).toContain('redacted')
  })
})

describe('forms', () => {
  it('of the kernel itself, with numbers for types, are read', () => {
    const draft = parsed(
      'audit: type=1400 audit(1764000000.123:56): apparmor="DENIED" operation="open" profile="snap.x" name="/etc/shadow" pid=9 comm="cat" requested_mask="r" denied_mask="r" fsuid=0 ouid=0',
    )
    expect(at(draft, 'auditd.log.record_type')).toBe('AVC')
    expect(at(draft, 'event.action')).toBe('violated-apparmor-policy')
  })

  it('of types that are not known are kept', () => {
    const draft = parsed(`type=UNKNOWN[1499] ${STAMP} foo=bar`)
    expect(at(draft, 'event.action')).toBe('unknown[1499]')
    expect(at(draft, 'auditd.log.foo')).toBe('bar')
    expect(at(parsed('type=UNKNOWN[1329] msg=g\u0005'), 'auditd.log.msg')).toBe('g\u0005')
  })

  it('with a translation behind a separator that a relay has dropped are read', () => {
    const draft = parsed(
      `type=DAEMON_END ${STAMP} op=terminate auid=0 pid=1 res=successAUID="root" UID="root"`,
    )
    expect(at(draft, 'event.outcome')).toBe('success')
    expect(at(draft, 'user.audit.name')).toBe('root')
  })

  it('of the kernel’s counter of lost records say how many they were', () => {
    const draft = parsed(`type=CONFIG_CHANGE ${STAMP} op=set lost=0 old=17 auid=0 ses=1 res=1`)
    expect(at(draft, 'decklog.audit.lost')).toBe(17)
  })

  it('with a CR at their end have none in their last value', () => {
    expect(at(parsed(`type=CONFIG_CHANGE ${STAMP} op=set auid=0 res=1\r`), 'event.outcome')).toBe('success')
  })

  it('of rules with several keys have them all', () => {
    const keys = Buffer.from('a\u0001b').toString('hex').toUpperCase()
    const draft = parsed(
      `type=SYSCALL ${STAMP} arch=c000003e syscall=62 success=yes exit=0 items=0 pid=2 key=${keys}`,
    )
    expect(at(draft, 'auditd.log.key')).toEqual(['a', 'b'])
  })

  it('of other texts are left alone', () => {
    for (const text of ['', 'type=', 'type=SYSCALL', 'type=A msg=audit(1.2:3', 'node=x', 'audit: x', 'hello'])
      expect(parseAs('auditd', text)).toBeUndefined()
  })
})

describe('SELinux', () => {
  it('decides within a call: what was refused, by whom, and what the call was', () => {
    const [records] = eventsOf('older.txt')
    const draft = parsed(...records!)
    expect(at(draft, 'event.action')).toBe('violated-selinux-policy')
    expect(at(draft, 'event.outcome')).toBe('failure')
    expect(at(draft, 'event.category')).toEqual(['file'])
    expect(at(draft, 'auditd.log.avc')).toEqual({ action: 'denied', request: ['read', 'write'] })
    expect(at(draft, 'file.path')).toBe('/var/spool/postfix/maildrop')
  })

  it.each([
    [
      'MAC_STATUS',
      'enforcing=0 old_enforcing=1 auid=1000 ses=3 enabled=1 old-enabled=1 lsm=selinux res=1',
      'changed-selinux-enforcement',
    ],
    ['MAC_POLICY_LOAD', 'auid=1000 ses=3 lsm=selinux res=1', 'loaded-selinux-policy'],
    [
      'MAC_CONFIG_CHANGE',
      'bool=httpd_enable_homedirs val=1 old_val=0 auid=1000 ses=3',
      'changed-selinux-boolean',
    ],
  ])('%s is a change of the configuration', (type, body, action) => {
    const draft = parsed(`type=${type} ${STAMP} ${body}`)
    expect(at(draft, 'event.action')).toBe(action)
    expect(at(draft, 'event.category')).toEqual(['configuration'])
    expect(at(draft, 'user.audit.id')).toBe('1000')
  })
})

describe('tables', () => {
  it.each([
    ['c000003e', '59', 'execve'],
    ['c000003e', '1073741883', 'execve'],
    ['40000003', '11', 'execve'],
    ['c00000b7', '221', 'execve'],
    ['c00000b7', '56', 'openat'],
    ['40000028', '11', 'execve'],
    ['c0000015', '11', 'execve'],
    ['80000016', '11', 'execve'],
    ['c000003e', '452', 'fchmodat2'],
    ['c000003e', '99999', '99999'],
    ['deadbeef', '1', '1'],
  ])('%s %s is %s', (arch, number, name) => expect(syscallName(arch, number)).toBe(name))

  it.each([
    ['020000507F0000010000000000000000', { family: 'inet', ip: '127.0.0.1', port: 80 }],
    ['0A00005000000000000000000000000000000000000000010000', { family: 'inet6', ip: '::1', port: 80 }],
    [
      '0A0000160000000020010DB8000000000000000100020003',
      { family: 'inet6', ip: '2001:db8::1:2:3', port: 22 },
    ],
    [
      '0A0000160000000000000000000000000000FFFFC0000207',
      { family: 'inet6', ip: '::ffff:192.0.2.7', port: 22 },
    ],
    ['01002F72756E2F782E736F636B00', { family: 'local', path: '/run/x.sock' }],
    ['0100006465', { family: 'local', path: '@de' }],
    ['0100', { family: 'local' }],
    ['100000000700000001000000', { family: 'netlink', pid: 7 }],
    ['00027F', { family: 'inet' }],
    ['F000', { family: '240' }],
    ['xyz', undefined],
    ['', undefined],
  ])('the address %s', (saddr, address) => expect(readSocketAddress(saddr)).toEqual(address))

  it.each([
    ['a/b', '/x', '/x/a/b'],
    ['../b/./c', '/x/y', '/x/b/c'],
    ['../../../b', '/x', '/b'],
    ['/a//b/', '/x', '/a/b'],
    ['a', undefined, 'a'],
    ['/a/..b', undefined, '/a/..b'],
  ])('the path %s in %s', (name, cwd, path) => expect(resolvePath(name, cwd)).toBe(path))
})
