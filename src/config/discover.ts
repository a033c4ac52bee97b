import { accessSync, constants, existsSync, readdirSync } from 'node:fs'
import type { SourceConfig } from './config.ts'

/** Where Linux distributions and kubeadm put the logs that decklog knows. */
const AUDIT_LOGS = [
  '/var/log/kubernetes/audit.log',
  '/var/log/kubernetes/audit/audit.log',
  '/var/log/kubernetes/kube-apiserver-audit.log',
  '/var/log/kube-apiserver/audit.log',
  '/var/log/audit/kube/audit.log',
]
const AUTH_LOGS = ['/var/log/auth.log', '/var/log/secure']
const SYSLOGS = ['/var/log/syslog', '/var/log/messages']
const PODS = '/var/log/pods'

/** The log sources that this machine really has and this user may read. */
export function discoverSources(): SourceConfig[] {
  const sources: SourceConfig[] = []
  if (hasEntries(PODS)) sources.push({ kind: 'pods', class: 'pod', path: PODS })
  addFiles(sources, 'control-plane', 'kube-audit', AUDIT_LOGS)
  addFiles(sources, 'ssh', 'syslog', AUTH_LOGS)
  addFiles(sources, 'node', 'syslog', SYSLOGS)
  return sources
}

function addFiles(
  sources: SourceConfig[],
  className: string,
  format: string,
  candidates: readonly string[],
): void {
  const paths = candidates.filter(isReadable)
  if (paths.length > 0) sources.push({ kind: 'file', class: className, format, paths })
}

function isReadable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK)
    return true
  } catch {
    return false
  }
}

function hasEntries(path: string): boolean {
  try {
    return existsSync(path) && readdirSync(path).length > 0
  } catch {
    return false
  }
}
