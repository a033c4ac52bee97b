import { auditLine, type AuditEvent } from './audit.ts'
import { fingerprint } from './auth.ts'
import type { Moment } from './moment.ts'
import type { Random } from './random.ts'

/**
 * The planted story, with fixed values that a person and a test can look for. At night somebody tries passwords, a
 * colleague logs in and out as every day, and then the break-glass account comes: SSH by key from an outside address to
 * the control-plane node, sudo to root, keys and manifests under /etc/kubernetes, then by the API a shell in the ledger's
 * pod, its database secret, and a privileged pod on the node.
 */
export const STORY = {
  bruteForceAddress: '203.0.113.66',
  ordinaryUser: 'dana',
  ordinaryAddress: '10.20.0.14',
  breakGlassUser: 'breakglass',
  breakGlassAddress: '198.51.100.23',
  breakGlassKey: fingerprint('breakglass'),
  session: '4711',
  tty: 'pts/3',
  namespace: 'payments',
  pod: 'ledger-api-7d4b9c6f5-q8zkx',
  secret: 'ledger-db-credentials',
  privilegedPod: 'node-debugger-node-1-x7k2p',
} as const

/** What a planted record is: `id` is unique, `kind` groups what belongs together. */
export interface StoryStep {
  readonly id: string
  readonly kind: 'brute-force' | 'ordinary-login' | 'break-glass' | 'web-scan'
  /** Seconds after the story's start. */
  readonly atSeconds: number
  readonly where: 'auth' | 'audit' | 'gateway'
  /** `auth`: without stamp and host. `gateway`: without the runtime's prefix. */
  readonly text: (moment: Moment, random: Random) => string
}

export const STORY_SECONDS = 260

export function storySteps(): readonly StoryStep[] {
  return [...bruteForce(), ...webScan(), ...ordinaryLogin(), ...breakGlassSession(), ...breakGlassApi()].sort(
    (left, right) => left.atSeconds - right.atSeconds,
  )
}

type Kind = StoryStep['kind']

function authSteps(kind: Kind, lines: readonly (readonly [number, string])[]): StoryStep[] {
  return lines.map(([atSeconds, text], i) => ({
    id: `${kind}-ssh-${i + 1}`,
    kind,
    atSeconds,
    where: 'auth',
    text: () => text,
  }))
}

function bruteForce(): StoryStep[] {
  const from = STORY.bruteForceAddress
  const lines: [number, string][] = []
  for (let i = 0; i < 12; i++) {
    const tag = `sshd-session[${31_000 + i}]`
    const user = i % 3 === 2 ? 'invalid user admin' : 'root'
    if (i % 3 === 2) lines.push([i * 4, `${tag}: Invalid user admin from ${from} port ${40_100 + i}`])
    lines.push([i * 4, `${tag}: Failed password for ${user} from ${from} port ${40_100 + i} ssh2`])
    if (i % 3 === 0)
      lines.push([
        i * 4 + 1,
        `${tag}: message repeated 4 times: [ Failed password for root from ${from} port ${40_100 + i} ssh2]`,
      ])
    if (i % 3 === 0)
      lines.push([
        i * 4 + 2,
        `${tag}: error: maximum authentication attempts exceeded for root from ${from} port ${40_100 + i} ssh2 [preauth]`,
      ])
    const close =
      user === 'root' ? 'Disconnecting authenticating user root' : 'Connection closed by invalid user admin'
    lines.push([
      i * 4 + 2,
      `${tag}: ${close} ${from} port ${40_100 + i}${user === 'root' ? ': Too many authentication failures' : ''} [preauth]`,
    ])
  }
  return authSteps('brute-force', lines)
}

function webScan(): StoryStep[] {
  const paths = ['/.env', '/wp-login.php', '/.git/config', '/actuator/heapdump']
  return paths.map((path, i) => ({
    id: `web-scan-${i + 1}`,
    kind: 'web-scan',
    atSeconds: 20 + i,
    where: 'gateway',
    text: (moment) =>
      `${STORY.bruteForceAddress} - - [${moment.accessLog()}] "GET ${path} HTTP/1.1" 404 146 "-" "python-requests/2.32.3" 181 0.001 [shop-web-80] web-scan-${i + 1}`,
  }))
}

function ordinaryLogin(): StoryStep[] {
  const { ordinaryUser: user, ordinaryAddress: address } = STORY
  const tag = 'sshd-session[32011]'
  return authSteps('ordinary-login', [
    [
      60,
      `${tag}: Accepted publickey for ${user} from ${address} port 50122 ssh2: ED25519 ${fingerprint(user)}`,
    ],
    [60, `${tag}: pam_unix(sshd:session): session opened for user ${user}(uid=1004) by ${user}(uid=0)`],
    [60, `systemd-logind[811]: New session 4709 of user ${user}.`],
    [
      70,
      `sudo[32040]:     ${user} : TTY=pts/0 ; PWD=/home/${user} ; USER=root ; COMMAND=/usr/bin/systemctl status kubelet`,
    ],
    [70, `sudo[32040]: pam_unix(sudo:session): session opened for user root(uid=0) by ${user}(uid=1004)`],
    [71, 'sudo[32040]: pam_unix(sudo:session): session closed for user root'],
    [95, `${tag}: Disconnected from user ${user} ${address} port 50122`],
    [95, `${tag}: pam_unix(sshd:session): session closed for user ${user}`],
    [96, 'systemd-logind[811]: Removed session 4709.'],
  ])
}

function breakGlassSession(): StoryStep[] {
  const { breakGlassUser: user, breakGlassAddress: address, session, tty } = STORY
  const tag = 'sshd-session[33107]'
  const sudo = (pid: number, at: number, command: string): [number, string][] => [
    [at, `sudo[${pid}]: ${user} : TTY=${tty} ; PWD=/home/${user} ; USER=root ; COMMAND=${command}`],
    [at, `sudo[${pid}]: pam_unix(sudo:session): session opened for user root(uid=0) by ${user}(uid=1099)`],
    [at + 1, `sudo[${pid}]: pam_unix(sudo:session): session closed for user root`],
  ]
  return authSteps('break-glass', [
    [
      120,
      `${tag}: Accepted publickey for ${user} from ${address} port 51544 ssh2: ED25519 ${STORY.breakGlassKey}`,
    ],
    [120, `${tag}: pam_unix(sshd:session): session opened for user ${user}(uid=1099) by ${user}(uid=0)`],
    [120, `systemd-logind[811]: New session ${session} of user ${user}.`],
    ...sudo(33_150, 135, '/usr/bin/ls -la /etc/kubernetes/pki'),
    ...sudo(33_151, 142, '/usr/bin/cp /etc/kubernetes/admin.conf /tmp/.a'),
    ...sudo(33_152, 150, '/usr/bin/vi /etc/kubernetes/manifests/kube-apiserver.yaml'),
    [205, `su[33190]: (to root) ${user} on ${tty}`],
    [205, `su[33190]: pam_unix(su-l:session): session opened for user root(uid=0) by ${user}(uid=1099)`],
    [230, 'su[33190]: pam_unix(su-l:session): session closed for user root'],
    [240, `${tag}: Received disconnect from ${address} port 51544:11: disconnected by user`],
    [240, `${tag}: Disconnected from user ${user} ${address} port 51544`],
    [240, `${tag}: pam_unix(sshd:session): session closed for user ${user}`],
    [240, `systemd-logind[811]: Session ${session} logged out. Waiting for processes to exit.`],
    [240, `systemd-logind[811]: Removed session ${session}.`],
  ])
}

type StoryRequest = Omit<AuditEvent, 'auditId' | 'user' | 'groups' | 'address' | 'agent'>

function breakGlassApi(): StoryStep[] {
  const { namespace, pod, secret } = STORY
  const exec = { resource: 'pods', namespace, name: pod, apiVersion: 'v1', subresource: 'exec' }
  const execUri = `/api/v1/namespaces/${namespace}/pods/${pod}/exec?command=%2Fbin%2Fsh&container=app&stdin=true&stdout=true&tty=true`
  const secretObject = { resource: 'secrets', namespace, name: secret, apiVersion: 'v1' }
  const complete = 'ResponseComplete'
  const requests: [number, number, StoryRequest][] = [
    [165, 1, { stage: 'RequestReceived', verb: 'create', uri: execUri, object: exec }],
    [165, 1, { stage: 'ResponseStarted', verb: 'create', uri: execUri, object: exec, code: 101 }],
    [170, 2, { stage: complete, verb: 'get', uri: execUri, object: exec, code: 101 }],
    [
      176,
      3,
      {
        stage: complete,
        verb: 'get',
        uri: `/api/v1/namespaces/${namespace}/secrets/${secret}`,
        object: secretObject,
        code: 200,
      },
    ],
    [
      180,
      4,
      {
        stage: complete,
        verb: 'list',
        uri: '/api/v1/secrets?limit=500',
        object: { resource: 'secrets', apiVersion: 'v1' },
        code: 200,
      },
    ],
    [190, 5, privilegedPod()],
    [198, 1, { stage: complete, verb: 'create', uri: execUri, object: exec, code: 101 }],
  ]
  return requests.map(([atSeconds, request, event], i) => ({
    id: `break-glass-api-${i + 1}`,
    kind: 'break-glass',
    atSeconds,
    where: 'audit',
    text: (moment) =>
      auditLine(moment, {
        ...event,
        ...BREAK_GLASS_CALLER,
        auditId: `b4ea491a-0000-4000-a000-00000000000${request}`,
      }),
  }))
}

const BREAK_GLASS_CALLER = {
  user: STORY.breakGlassUser,
  groups: ['system:masters', 'system:authenticated'],
  address: STORY.breakGlassAddress,
  agent: 'kubectl/v1.34.1 (linux/amd64) kubernetes/93248f9',
}

function privilegedPod(): StoryRequest {
  const name = STORY.privilegedPod
  const container = {
    name: 'debugger',
    image: 'docker.io/library/busybox:latest',
    securityContext: { privileged: true },
    volumeMounts: [{ name: 'host', mountPath: '/host' }],
  }
  const spec = {
    hostPID: true,
    hostNetwork: true,
    nodeName: 'node-1',
    containers: [container],
    volumes: [{ name: 'host', hostPath: { path: '/' } }],
  }
  const requestObject = { kind: 'Pod', apiVersion: 'v1', metadata: { name, namespace: 'kube-system' }, spec }
  const object = { resource: 'pods', namespace: 'kube-system', name, apiVersion: 'v1' }
  return {
    stage: 'ResponseComplete',
    verb: 'create',
    uri: '/api/v1/namespaces/kube-system/pods?fieldManager=kubectl-debug',
    object,
    code: 201,
    requestObject,
  }
}
