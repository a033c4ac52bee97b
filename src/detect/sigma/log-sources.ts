import { compileItem } from './item.ts'
import { and, mapFields, type Node } from './node.ts'
import { compilePath } from './fields.ts'
import type { RawFields } from './literals.ts'
import type { LogSource } from './rule.ts'

/**
 * A dataset as Sigma's rules see it. A rule applies when nothing that its `logsource` names says otherwise; only the dataset
 * decides, which comes from provenance: a line that looks like sshd's, printed by a pod, is a line of a container.
 */
export interface SourceProfile {
  readonly dataset: string
  readonly product: string
  /** `where`: what an event of the service has besides, as lines of a detection. */
  readonly services: Readonly<Record<string, Readonly<Record<string, string>>>>
  readonly categories: readonly string[]
  /** Sigma's name of a field → ours. */
  readonly rename: (field: string) => string
  readonly raw: RawFields
}

const NO_RAW: RawFields = { verbatim: [], keys: false, changedKeys: [], common: new Set() }

/** Top-level fields of an audit event (`audit.k8s.io/v1`): below `kubernetes.audit` in our documents. */
const AUDIT_FIELDS = new Set(
  (
    'kind apiVersion level auditID stage requestURI verb user impersonatedUser sourceIPs userAgent objectRef responseStatus ' +
    'requestObject responseObject requestReceivedTimestamp stageTimestamp annotations'
  ).split(' '),
)

/** Folded texts that most audit events hold. */
const AUDIT_COMMON =
  'user username groups verb stage requesturi resource namespace name code useragent apiversion responsestatus objectref ' +
  'requestobject responseobject metadata spec template containers volumes securitycontext sourceips annotations ' +
  'create update delete patch responsecomplete responsestarted pods services system:'

/** Fields that published rules write and no audit event has: where their authors meant. */
const AUDIT_ALIASES: Readonly<Record<string, string>> = {
  apiGroup: 'objectRef.apiGroup',
  namespace: 'objectRef.namespace',
  hostPath: 'requestObject.spec.volumes.hostPath',
  capabilities: 'requestObject.spec.containers.securityContext.capabilities',
  username: 'user.username',
}

function auditField(field: string): string {
  const [head = ''] = field.split('.')
  const known = Object.hasOwn(AUDIT_ALIASES, head) ? AUDIT_ALIASES[head] + field.slice(head.length) : field
  if (!AUDIT_FIELDS.has(known.split('.')[0]!)) return known
  return `kubernetes.audit.${known.startsWith(ANNOTATIONS) ? annotation(known) : known}`
}

const ANNOTATIONS = 'annotations.'

/** The event's own annotations are named as Elastic names them: with `_` for each dot. */
function annotation(field: string): string {
  return ANNOTATIONS + field.slice(ANNOTATIONS.length).replaceAll('.', '_')
}

/** Keys of sudo's log lines, which published rules use as fields. */
const SUDO_KEYS: Readonly<Record<string, string>> = {
  USER: 'system.auth.sudo.user',
  COMMAND: 'system.auth.sudo.command',
  PWD: 'system.auth.sudo.pwd',
  TTY: 'system.auth.sudo.tty',
}

const authField = (field: string): string => SUDO_KEYS[field] ?? field

const same = (field: string): string => field

export const SOURCE_PROFILES: readonly SourceProfile[] = [
  {
    dataset: 'kubernetes.audit_logs',
    product: 'kubernetes',
    services: { audit: {} },
    categories: ['application'],
    rename: auditField,
    raw: {
      verbatim: ['kubernetes.audit'],
      keys: true,
      changedKeys: ['kubernetes.audit.annotations'],
      common: new Set(AUDIT_COMMON.split(' ')),
    },
  },
  {
    dataset: 'system.auth',
    product: 'linux',
    services: {
      auth: {},
      syslog: {},
      sshd: { 'process.name|startswith': 'sshd' },
      sudo: { 'process.name': 'sudo' },
      su: { 'process.name': 'su' },
    },
    categories: [],
    rename: authField,
    raw: NO_RAW,
  },
  {
    dataset: 'system.syslog',
    product: 'linux',
    services: {
      syslog: {},
      cron: { 'process.name|startswith': 'cron' },
      clamav: { 'process.name|contains': 'clam' },
      vsftpd: { 'process.name': 'vsftpd' },
    },
    categories: [],
    rename: same,
    raw: NO_RAW,
  },
  {
    dataset: 'auditd.log',
    product: 'linux',
    services: { auditd: {} },
    categories: [],
    rename: same,
    raw: NO_RAW,
  },
  {
    dataset: 'kubernetes.container_logs',
    product: 'decklog',
    services: {},
    categories: ['container'],
    rename: same,
    raw: {
      verbatim: ['message', 'decklog.payload'],
      keys: true,
      changedKeys: [],
      common: new Set(['error', 'warning', 'failed']),
    },
  },
]

/** The rule's tree for this source, or undefined when the rule is not about it. */
export function nodeForSource(node: Node, logSource: LogSource, profile: SourceProfile): Node | undefined {
  const { product, category, service } = logSource
  if (product !== undefined && product !== profile.product) return undefined
  if (category !== undefined && !profile.categories.includes(category)) return undefined
  if (service !== undefined && !Object.hasOwn(profile.services, service)) return undefined
  const where = service === undefined ? {} : profile.services[service]!
  const conditions = Object.entries(where).map(([key, value]) => compileItem(key, value, {}))
  const roots = profile.raw.verbatim.map(compilePath)
  return and([...conditions, mapFields(node, profile.rename, roots)])
}
