import { describe, expect, it } from 'vitest'
import type { JsonObject } from '../../src/core/document.ts'
import { inspectRule } from '../../src/detect/sigma/inspect.ts'
import { makeTagger } from '../../src/detect/sigma/tagger.ts'
import { AUDIT, AUTH, ruleOf, ruleText } from './building.ts'

function datasets(logsource: string): readonly string[] {
  return inspectRule(ruleOf(ruleText({ logsource }))).datasets
}

function matchesOn(
  source: typeof AUTH,
  rule: { detection: string; logsource: string },
  document: JsonObject,
): boolean {
  const tagger = makeTagger([ruleOf(ruleText(rule))]).forSource(source, {})
  return (tagger?.match(document, JSON.stringify(document)) ?? []).length > 0
}

describe('the log source of a rule', () => {
  it.each([
    ['{ product: kubernetes, service: audit }', ['kubernetes.audit_logs']],
    ['{ product: kubernetes, service: audit, category: application }', ['kubernetes.audit_logs']],
    ['{ category: application }', ['kubernetes.audit_logs']],
    ['{ product: linux, service: sshd }', ['system.auth']],
    ['{ product: Linux, service: SSHD }', ['system.auth']],
    ['{ product: linux, service: auth }', ['system.auth']],
    ['{ product: linux, service: auditd }', ['auditd.log']],
    ['{ product: linux, service: syslog }', ['system.auth', 'system.syslog']],
    ['{ product: linux }', ['system.auth', 'system.syslog', 'auditd.log']],
    ['{ product: decklog, category: container }', ['kubernetes.container_logs']],
    ['{ product: linux, category: process_creation }', []],
    ['{ product: windows }', []],
  ])('%s is on %j', (logsource, expected) => {
    expect(datasets(logsource)).toEqual(expected)
  })

  it('of a service means its process, under every name that it has had', () => {
    const rule = {
      detection: '  s: { event.action: x }\n  condition: s',
      logsource: '{ product: linux, service: sshd }',
    }
    for (const name of ['sshd', 'sshd-session', 'sshd-auth']) {
      expect(matchesOn(AUTH, rule, { event: { action: 'x' }, process: { name } })).toBe(true)
    }
    expect(matchesOn(AUTH, rule, { event: { action: 'x' }, process: { name: 'sudo' } })).toBe(false)
  })
})

describe('fields as published rules write them', () => {
  const audit = (detection: string, event: JsonObject): boolean =>
    matchesOn(
      AUDIT,
      { detection, logsource: '{ product: kubernetes, service: audit }' },
      { kubernetes: { audit: event } },
    )

  it('are found below kubernetes.audit', () => {
    expect(
      audit('  s: { verb: get, user.username: a }\n  condition: s', { verb: 'get', user: { username: 'a' } }),
    ).toBe(true)
    expect(audit('  s: { kubernetes.audit.verb: get }\n  condition: s', { verb: 'get' })).toBe(true)
  })

  it('may stand where no audit event has them: it is known where they are', () => {
    const request = {
      spec: {
        volumes: [{ hostPath: { path: '/' } }],
        containers: [{ securityContext: { capabilities: { add: ['X'] } } }],
      },
    }
    expect(audit("  s: { hostPath: '*' }\n  condition: s", { requestObject: request })).toBe(true)
    expect(audit("  s: { capabilities: '*' }\n  condition: s", { requestObject: request })).toBe(true)
    expect(audit("  s: { hostPath: '*' }\n  condition: s", { requestObject: { spec: {} } })).toBe(false)
    expect(audit('  s: { apiGroup: apps }\n  condition: s', { objectRef: { apiGroup: 'apps' } })).toBe(true)
  })

  it('have the dots of annotations', () => {
    const annotations = { 'authorization_k8s_io/decision': 'allow' }
    expect(
      audit('  s: { annotations.authorization.k8s.io/decision: allow }\n  condition: s', { annotations }),
    ).toBe(true)
  })

  it('may be the keys of sudo', () => {
    const rule = {
      detection: "  s: { USER: '#-*' }\n  condition: s",
      logsource: '{ product: linux, service: sudo }',
    }
    const document = { process: { name: 'sudo' }, system: { auth: { sudo: { user: '#-1' } } } }
    expect(matchesOn(AUTH, rule, document)).toBe(true)
  })
})
