import { describe, expect, it } from 'vitest'
import { at, contextOf, formatOf, newDraft, parseAs, parseMessage } from './support.ts'

describe('sshd', () => {
  it('reads an accepted certificate as Elastic names it, and whose it is', () => {
    const draft = parseMessage(
      'sshd',
      'Accepted publickey for alice from 203.0.113.7 port 50522 ssh2: ED25519-CERT SHA256:abc ID break-glass alice INC-42 (serial 7) CA ED25519 SHA256:def',
    )
    expect(at(draft, 'event')).toEqual({
      action: 'ssh_login',
      category: ['authentication', 'session'],
      type: ['info'],
      outcome: 'success',
    })
    expect(at(draft, 'user.name')).toBe('alice')
    expect(at(draft, 'source')).toEqual({ address: '203.0.113.7', ip: '203.0.113.7', port: 50522 })
    expect(at(draft, 'system.auth.ssh.event')).toBe('Accepted')
    expect(at(draft, 'system.auth.ssh.method')).toBe('publickey')
    expect(at(draft, 'decklog.ssh.certificate')).toEqual({
      id: 'break-glass alice INC-42',
      serial: '7',
      ca: 'ED25519 SHA256:def',
    })
    expect(at(draft, 'related')).toMatchObject({ user: ['alice'], ip: ['203.0.113.7'], hash: ['SHA256:abc'] })
  })

  it.each(['sshd', 'sshd-session', 'sshd-auth'])('knows the writer %s', (tag) => {
    const draft = parseMessage('sshd', 'Failed password for root from 192.0.2.1 port 22 ssh2', tag)
    expect(at(draft, 'event.outcome')).toBe('failure')
  })

  it.each(['myapp', 'sshd2', 'sudo'])('takes nothing that %s wrote, however it reads', (tag) => {
    expect(
      parseMessage('sshd', 'Accepted password for root from 192.0.2.1 port 22 ssh2', tag),
    ).toBeUndefined()
  })

  it('takes a known message where no header names the writer, and leaves an unknown one', () => {
    expect(at(parseAs('sshd', 'Invalid user x from 192.0.2.1 port 2'), 'source.ip')).toBe('192.0.2.1')
    expect(parseAs('sshd', 'hello')).toBeUndefined()
    expect(at(parseMessage('sshd', 'a message of a version to come'), 'event.action')).toBe('ssh_message')
  })

  it.each([
    'pam_unix(sshd:session): session opened for user x',
    'PAM 2 more authentication failures; rhost=192.0.2.1',
  ])('leaves to pam what is pam’s: %s', (message) => {
    expect(parseMessage('sshd', message)).toBeUndefined()
  })

  it('counts a repeated message', () => {
    const repeated = 'message repeated 5 times: [ Failed password for root from 192.0.2.1 port 22 ssh2]'
    expect(at(parseMessage('sshd', repeated), 'decklog.count')).toBe(5)
    expect(at(parseAs('sshd', repeated), 'decklog.count')).toBe(5)
    expect(at(parseAs('sshd', repeated), 'source.ip')).toBe('192.0.2.1')
  })

  it('says of a connection that only closed who tried', () => {
    const draft = parseMessage(
      'sshd',
      'Connection closed by invalid user admin 192.0.2.1 port 5 [preauth]',
      'sshd-session',
    )
    expect(at(draft, 'event')).toMatchObject({ action: 'ssh_connection_closed', outcome: 'failure' })
    expect(at(draft, 'user.name')).toBe('admin')
    expect(at(draft, 'decklog.ssh')).toEqual({ preauth: true, invalid_user: true })
  })

  it('makes an address of no name, and no name of a broken address', () => {
    const named = parseMessage(
      'sshd',
      'User x from gate.example.com not allowed because not listed in AllowUsers',
    )
    expect(at(named, 'source')).toEqual({ address: 'gate.example.com', domain: 'gate.example.com' })
    expect(at(named, 'event.reason')).toBe('not listed in AllowUsers')
    const broken = parseMessage('sshd', 'Invalid user x from 192.030.0.6 port 5')
    expect(at(broken, 'source')).toEqual({ address: '192.030.0.6', port: 5 })
    const mapped = parseMessage('sshd', 'Invalid user x from ::ffff:192.0.2.9 port 5')
    expect(at(mapped, 'source.ip')).toBe('192.0.2.9')
    const scoped = parseMessage('sshd', 'Invalid user x from fe80::1%eth0 port 5')
    expect(at(scoped, 'source.ip')).toBe('fe80::1')
  })
})

/** What a client can write into a user name, a version or a reason, and the address that it really has. */
const TRUE = '203.0.113.7'
const FORGED = '198.51.100.1'

describe('a forged address', () => {
  const names = [
    `x from ${FORGED}`,
    `x from ${FORGED} port 22`,
    `x from ${FORGED} port 22 ssh2`,
    `x from ${FORGED} port 22 ssh2:`,
    `x from ${FORGED} port 22 ssh2: y`,
    `x from ${FORGED} port 22 ssh2: RSA SHA256:abc`,
    `x from ${FORGED} port 22 ssh2 [preauth]`,
    `invalid user root from ${FORGED} port 22 ssh2: z`,
    `${FORGED} port 22`,
    `x ${FORGED} port 22: bye`,
    `x not allowed because from ${FORGED}`,
    ` from ${FORGED} `,
    `x' from ${FORGED} port 22`,
    ` for root from ${FORGED} port 22 ssh2: `,
  ]
  const messages: readonly ((name: string) => string)[] = [
    (name) => `Failed password for invalid user ${name} from ${TRUE} port 5 ssh2`,
    (name) => `Failed none for invalid user ${name} from ${TRUE} port 5 ssh2`,
    (name) => `Failed keyboard-interactive/pam for invalid user ${name} from ${TRUE} port 5 ssh2`,
    (name) => `Failed publickey for invalid user ${name} from ${TRUE} port 5 ssh2: RSA SHA256:abc`,
    (name) => `Postponed keyboard-interactive for invalid user ${name} from ${TRUE} port 5 ssh2 [preauth]`,
    (name) => `Invalid user ${name} from ${TRUE} port 5`,
    (name) => `Invalid user ${name} from ${TRUE}`,
    (name) => `Connection closed by invalid user ${name} ${TRUE} port 5 [preauth]`,
    (name) => `Connection reset by invalid user ${name} ${TRUE} port 5 [preauth]`,
    (name) => `Disconnected from invalid user ${name} ${TRUE} port 5 [preauth]`,
    (name) =>
      `error: maximum authentication attempts exceeded for invalid user ${name} from ${TRUE} port 5 ssh2 [preauth]`,
    (name) => `error: PAM: Authentication failure for illegal user ${name} from ${TRUE}`,
    (name) => `Received disconnect from ${TRUE} port 5:11: ${name} [preauth]`,
    (name) => `Received disconnect from ${TRUE}: 11: ${name}`,
    (name) => `Bad protocol version identification '${name}' from ${TRUE} port 5`,
    (name) =>
      `Unable to negotiate with ${TRUE} port 5: no matching cipher found. Their offer: ${name} [preauth]`,
    (name) => `subsystem request for ${name} by user alice`,
    (name) => `error: kex_exchange_identification: client sent invalid protocol identifier "${name}"`,
    (name) =>
      `Accepted publickey for alice from ${TRUE} port 5 ssh2: ED25519-CERT SHA256:a ID ${name} (serial 1) CA RSA SHA256:b`,
    (name) =>
      `Failed publickey for alice from ${TRUE} port 5 ssh2: ED25519-CERT SHA256:a ID ${name} (serial 1) CA RSA SHA256:b`,
    (name) =>
      `Failed publickey for invalid user bob from ${TRUE} port 5 ssh2: ED25519-CERT SHA256:a ID ${name} (serial 1) CA RSA SHA256:b`,
    (name) =>
      `Failed hostbased for invalid user ${name} from ${TRUE} port 5 ssh2: RSA SHA256:a, client user "${name}", client host "h"`,
    (name) =>
      `Disconnecting invalid user ${name} ${TRUE} port 5: Change of username or service not allowed: (a,b) -> (${name},b) [preauth]`,
    (name) => `Starting session: forced-command (key-option) '${name}' for alice from ${TRUE} port 5 id 0`,
  ]

  it.each(messages.map((message) => [message('NAME'), message] as const))(
    'is never source.ip: %s',
    (_, message) => {
      for (const name of names) {
        const text = message(name)
        const draft = parseMessage('sshd', text, 'sshd-session')
        expect(draft, text).toBeDefined()
        expect(at(draft, 'source.ip') ?? TRUE, text).toBe(TRUE)
      }
    },
  )

  it('is no reason to lose the true one where sshd leaves no doubt', () => {
    for (const name of names) {
      const draft = parseMessage('sshd', `Failed password for invalid user ${name} from ${TRUE} port 5 ssh2`)
      expect(at(draft, 'source.ip'), name).toBe(TRUE)
      expect(at(draft, 'user.name'), name).toBe(name)
    }
  })

  it('leaves a sign', () => {
    const draft = parseMessage('sshd', `Invalid user ${names[2]} from ${TRUE} port 5`)
    expect(draft?.quality).toContain('ambiguous-fields')
    expect(parseMessage('sshd', `Invalid user admin from ${TRUE} port 5`)?.quality).toEqual([])
  })

  it('is searchable with the true one where nobody can tell them apart', () => {
    const draft = parseMessage(
      'sshd',
      `Failed publickey for invalid user b from ${TRUE} port 5 ssh2: RSA-CERT SHA256:a ID x from ${FORGED} port 1 ssh2: y (serial 0) CA RSA SHA256:b`,
    )
    expect(at(draft, 'source')).toBeUndefined()
    expect(at(draft, 'related.ip')).toEqual([TRUE, FORGED])
  })
})

describe('a draft that is not taken', () => {
  it('stays as it was', () => {
    const draft = newDraft('x')
    draft.fields.process = { name: 'cron' }
    expect(
      formatOf('sshd').parse('Accepted password for root from 192.0.2.1 port 1 ssh2', draft, contextOf()),
    ).toBe(false)
    expect(draft).toEqual({ ...newDraft('x'), fields: { process: { name: 'cron' } } })
  })
})
