import type { JsonObject } from '../../src/core/document.ts'
import type { EventBatch } from '../../src/core/event-batch.ts'
import { batchOf, streamName } from '../support/event-batches.ts'

/** What the pages of the tests show: one hour before 10:00 on 24 November 2026, with a break-glass login in it. */
export const FROM = '2026-11-24T09:00:00.000Z'
export const TO = '2026-11-24T10:00:00.000Z'
const FROM_MS = Date.parse(FROM)

export function stampAt(ms: number, nanos = 0): string {
  return new Date(FROM_MS + ms).toISOString().replace('Z', `${String(nanos).padStart(6, '0')}Z`)
}

interface StreamOptions {
  readonly number: number
  readonly class: string
  readonly node: string
}

/** Documents of one stream, with what `process` would add. */
export function streamOf(documents: readonly JsonObject[], options: StreamOptions): EventBatch {
  const stream = streamName(options.number)
  const whole = documents.map((document, seq) => ({
    ...document,
    host: { name: options.node },
    decklog: {
      ...(document.decklog as JsonObject | undefined),
      stream,
      seq,
      ranges: [[seq, seq]],
      class: options.class,
    },
  }))
  return batchOf(whole, {
    stream,
    class: options.class,
    node: options.node,
    receivedMs: Date.parse(TO) - 4000,
    dataStream: `logs-x-test.${options.class}`,
  })
}

/** A believable hour: three pods, two auth logs, an audit log. Every number comes from a fixed seed. */
export function believableHour(options: { readonly podLines?: number } = {}): EventBatch[] {
  const random = seeded(7)
  return [
    podStream({
      number: 1,
      pod: 'checkout-7d9c6f-x2x9p',
      namespace: 'shop',
      node: 'worker-3',
      lines: options.podLines ?? 1200,
      random,
    }),
    podStream({
      number: 2,
      pod: 'ledger-6b5f-9qk4d',
      namespace: 'payments',
      node: 'worker-7',
      lines: 500,
      random,
    }),
    podStream({
      number: 3,
      pod: 'coredns-5dd5-l8r2m',
      namespace: 'kube-system',
      node: 'worker-3',
      lines: 160,
      random,
    }),
    streamOf(authLog(random), { number: 4, class: 'ssh', node: 'control-1' }),
    streamOf(auditLog(random), { number: 5, class: 'control-plane', node: 'control-1' }),
  ]
}

const POD_LINES = [
  'GET /api/cart 200 12ms',
  'GET /api/products?page=3 200 31ms',
  'POST /api/checkout 201 184ms order=48213',
  'cache miss key=session:9f3a21',
  'connection to postgres-0.postgres:5432 established',
  'payment authorised amount=59.90 currency=EUR',
  'GET /healthz 200 1ms',
  'WARN slow query 812ms select * from orders where customer_id = $1',
  'ERROR upstream timed out (110: Connection timed out) while reading response header from upstream',
] as const

function podStream(options: {
  number: number
  pod: string
  namespace: string
  node: string
  lines: number
  random: () => number
}): EventBatch {
  const { lines, random } = options
  const documents = Array.from({ length: lines }, (_, index) => {
    const message = POD_LINES[Math.floor(random() ** 1.6 * POD_LINES.length)]!
    return {
      '@timestamp': stampAt(
        Math.floor((index / lines) * 3_590_000 + random() * 2000),
        Math.floor(random() * 1e6),
      ),
      message,
      event: { dataset: 'kubernetes.container_logs' },
      log: { level: message.startsWith('ERROR') ? 'error' : message.startsWith('WARN') ? 'warning' : 'info' },
      kubernetes: {
        namespace: options.namespace,
        pod: { name: options.pod },
        container: { name: options.pod.split('-')[0]! },
      },
    }
  })
  return streamOf(documents, { number: options.number, class: 'pod', node: options.node })
}

const FAILED = rule('SSH login failed', 'low', 'T1110', 'Brute Force', 'Credential Access')
const ROOT = rule('SSH login as root by password', 'critical', 'T1078', 'Valid Accounts', 'Initial Access')
const SUDO = rule('sudo to root', 'medium', 'T1548.003', 'Sudo and Sudo Caching', 'Privilege Escalation')
const EXEC = rule('kubectl exec into a pod', 'high', 'T1609', 'Container Administration Command', 'Execution')

function authLog(random: () => number): JsonObject[] {
  const documents: JsonObject[] = []
  const add = (second: number, message: string, more: JsonObject): void => {
    documents.push({
      '@timestamp': stampAt(second * 1000 + Math.floor(random() * 900), 417_201),
      message,
      event: { dataset: 'system.auth', ...(more.event as JsonObject) },
      process: { name: more.name as string, pid: 40_211 },
      ...(more.rest as JsonObject),
    })
  }
  const users = ['admin', 'root', 'oracle', 'test', 'ubuntu', 'git']
  for (let attempt = 0; attempt < 140; attempt++) {
    const user = users[Math.floor(random() * users.length)]!
    add(
      1500 + attempt * 2,
      `Failed password for invalid user ${user} from 203.0.113.77 port ${40_000 + attempt} ssh2`,
      {
        name: 'sshd',
        event: { action: 'ssh_login', outcome: 'failure' },
        rest: { ...FAILED, user: { name: user }, source: { ip: '203.0.113.77', port: 40_000 + attempt } },
      },
    )
  }
  add(1790, 'Accepted password for root from 203.0.113.77 port 40144 ssh2', {
    name: 'sshd',
    event: { action: 'ssh_login', outcome: 'success' },
    rest: { ...ROOT, user: { name: 'root' }, source: { ip: '203.0.113.77', port: 40_144 } },
  })
  add(1791, 'pam_unix(sshd:session): session opened for user root(uid=0) by (uid=0)', {
    name: 'sshd',
    event: { action: 'session_opened', outcome: 'success' },
    rest: { user: { name: 'root' } },
  })
  add(1818, 'root : TTY=pts/0 ; PWD=/root ; USER=root ; COMMAND=/usr/bin/cat /etc/kubernetes/admin.conf', {
    name: 'sudo',
    event: { action: 'sudo', outcome: 'success' },
    rest: { ...SUDO, user: { name: 'root', effective: { name: 'root' } } },
  })
  add(1893, 'Received disconnect from 203.0.113.77 port 40144:11: disconnected by user', {
    name: 'sshd',
    event: { action: 'ssh_disconnect' },
    rest: { source: { ip: '203.0.113.77', port: 40_144 } },
  })
  add(2700, 'Accepted publickey for dana from 198.51.100.4 port 51022 ssh2: ED25519 SHA256:Vx1yq0', {
    name: 'sshd',
    event: { action: 'ssh_login', outcome: 'success' },
    rest: { user: { name: 'dana' }, source: { ip: '198.51.100.4', port: 51_022 } },
  })
  return documents
}

function auditLog(random: () => number): JsonObject[] {
  const verbs = ['get', 'list', 'watch', 'patch', 'create'] as const
  return Array.from({ length: 320 }, (_, index) => {
    const exec = index === 162
    const verb = verbs[Math.floor(random() * verbs.length)]!
    return {
      '@timestamp': stampAt(index * 11_000 + Math.floor(random() * 900), 101),
      message: exec
        ? 'root@breakglass create pods/exec payments/ledger-6b5f-9qk4d 101'
        : `system:kube-controller-manager ${verb} leases kube-system/controller 200`,
      event: { dataset: 'kubernetes.audit_logs', action: exec ? 'create' : verb, outcome: 'success' },
      user: { name: exec ? 'root@breakglass' : 'system:kube-controller-manager' },
      kubernetes: { audit: { verb: exec ? 'create' : verb, auditID: `a1f0-${index}` } },
      ...(exec ? EXEC : {}),
    }
  })
}

function rule(
  name: string,
  level: string,
  technique: string,
  technique_name: string,
  tactic: string,
): JsonObject {
  return {
    rule: { id: [name.toLowerCase().replaceAll(' ', '-')], name: [name] },
    tags: [`attack.${technique.toLowerCase()}`, `decklog.level.${level}`],
    threat: {
      framework: 'MITRE ATT&CK',
      technique: { id: technique, name: technique_name },
      tactic: { name: tactic },
    },
  }
}

/** Mulberry32: the same hour each time. */
function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
