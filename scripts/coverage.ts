import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { receiverSchemas } from '../src/config/sources/registry.ts'
import { formats } from '../src/parsers/registry.ts'

/**
 * Writes the table of what is covered into README.md, between its two comments. Names of sources, formats and datasets are checked
 * against the definitions, so that no row can name what does not exist; what is searchable are the actions that the formats define.
 * `node scripts/coverage.ts`; a test fails when README.md differs from what this gives.
 */

interface Row {
  readonly subject: string
  readonly sources: readonly string[]
  readonly formats: readonly string[]
  readonly searchable: string
}

const ROWS: readonly Row[] = [
  {
    subject: 'Pods lose their logs when they end',
    sources: ['pods'],
    formats: ['cri', 'json-app', 'logfmt', 'key-value'],
    searchable: 'namespace, pod, container, image, workload, level, message, the application’s own fields',
  },
  {
    subject: 'SSH to nodes is for break-glass only',
    sources: ['file', 'journald', 'syslog'],
    formats: ['sshd', 'pam', 'login', 'logind', 'sftp'],
    searchable: 'logins and failures by user, address, key, certificate; sessions',
  },
  {
    subject: 'Actions inside SSH sessions',
    sources: ['file', 'journald', 'syslog'],
    formats: ['sudo', 'su', 'auditd', 'tlog', 'sudo-io', 'asciicast', 'script', 'snoopy'],
    searchable: 'commands, arguments, files, what was typed and shown',
  },
  {
    subject: 'Accounts, privileges, MFA',
    sources: ['file', 'journald', 'syslog'],
    formats: ['accounts', 'pam', 'polkit', 'auditd'],
    searchable: 'accounts and groups that were changed, second factors, passwords that were set',
  },
  {
    subject: 'RBAC: use of the Kubernetes API',
    sources: ['file', 'audit-webhook'],
    formats: ['kube-audit'],
    searchable: 'who did what to which object, from where, allowed or not and why',
  },
  {
    subject: 'Control plane and its health',
    sources: ['pods', 'journald', 'file', 'kubernetes'],
    formats: [
      'klog',
      'etcd',
      'kubernetes-event',
      'containerd',
      'crio',
      'coredns',
      'ingress-nginx',
      'systemd',
    ],
    searchable: 'requests, errors, image pulls, evictions, restarts, events of objects',
  },
  {
    subject: 'Images: signed, scanned, from approved registries',
    sources: ['http', 'pods', 'kubernetes'],
    formats: ['trivy', 'policy-controller', 'harbor', 'docker-registry', 'containerd', 'klog'],
    searchable: 'vulnerabilities, denials, pushes and pulls by whom, digests; lists of approved registries',
  },
  {
    subject: 'Policies; privileged workloads ring-fenced',
    sources: ['kubernetes', 'pods', 'http'],
    formats: ['policy-report', 'kyverno', 'gatekeeper'],
    searchable: 'violations by policy, rule, severity and resource',
  },
  {
    subject: 'Runtime behaviour',
    sources: ['pods', 'http'],
    formats: ['falco', 'tetragon', 'tracee'],
    searchable: 'rules, processes, files, connections, containers',
  },
  {
    subject: 'Nodes isolated by labels, taints, affinity',
    sources: ['kubernetes'],
    formats: ['json-app', 'kubernetes-event'],
    searchable: 'labels and taints of each node, in its own object and in every record that it sends',
  },
  {
    subject: 'CNI and host firewalls',
    sources: ['pods', 'journald', 'syslog', 'file'],
    formats: ['hubble', 'calico-flow', 'netfilter', 'bird', 'frr', 'gobgp', 'metallb', 'dns'],
    searchable: 'flows, drops, sessions of routing, names that were asked for',
  },
  {
    subject: 'CIS benchmark at provisioning, on schedule, around a breach',
    sources: ['kube-bench', 'pods', 'http'],
    formats: ['kube-bench'],
    searchable: 'each check by node, result and moment; totals',
  },
  {
    subject: 'SELinux and system calls',
    sources: ['file', 'journald'],
    formats: ['auditd', 'audit-message'],
    searchable: 'denials, changes of policy, executions, files, seccomp',
  },
  {
    subject: 'Other hosts and devices',
    sources: ['syslog', 'http', 'file'],
    formats: [
      'syslog',
      'cef',
      'leef',
      'cron',
      'nginx-access',
      'nginx-error',
      'apache-access',
      'apache-error',
    ],
    searchable: 'requests by address, device events, jobs',
  },
]

/** Read from bytes, and no FormatDefinition. */
const LINE_FORMATS: Readonly<Record<string, string>> = { cri: 'kubernetes.container_logs' }
const BEGIN = '<!-- coverage: written by scripts/coverage.ts -->'
const END = '<!-- end of coverage -->'

export function coverageTable(): string {
  const kinds = new Set(['pods', 'file', ...receiverSchemas.map((schema) => schema.shape.kind.value)])
  const lines = ROWS.map(({ subject, sources, formats: names, searchable }) => {
    const missing = sources.find((source) => !kinds.has(source as never))
    if (missing !== undefined) throw new Error(`coverage names the source ${missing}, which does not exist`)
    const datasets = [...new Set(names.map(datasetOf))]
    const what = `${searchable} (${datasets.map((dataset) => `\`${dataset}\``).join(' ')})`
    return `| ${[subject, sources.map((one) => `\`${one}\``).join(' '), names.map(linkOf).join(' '), what].join(' | ')} |`
  })
  return ['| subject | sources | formats | searchable |', '|---|---|---|---|', ...lines].join('\n')
}

/** Formats that no row names, so that none is forgotten. */
export function uncovered(): readonly string[] {
  const named = new Set(ROWS.flatMap((row) => row.formats))
  return [...formats.keys()].filter((name) => !named.has(name))
}

function datasetOf(name: string): string {
  const dataset = formats.get(name)?.dataset ?? LINE_FORMATS[name]
  if (dataset === undefined) throw new Error(`coverage names the format ${name}, which does not exist`)
  return dataset
}

function linkOf(name: string): string {
  return name in LINE_FORMATS ? `[${name}](docs/container-logs.md)` : `[${name}](docs/formats/${name}.md)`
}

/** README.md with the table as it is now. @throws {Error} when the comments are not there */
export function withCoverage(page: string): string {
  const from = page.indexOf(BEGIN)
  const to = page.indexOf(END)
  if (from < 0 || to < from) throw new Error(`README.md has no place for the table: ${BEGIN} … ${END}`)
  return `${page.slice(0, from + BEGIN.length)}\n${coverageTable()}\n${page.slice(to)}`
}

if (process.argv[1] === import.meta.filename) {
  const path = join(import.meta.dirname, '..', 'README.md')
  writeFileSync(path, withCoverage(readFileSync(path, 'utf8')))
}
