import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Draft } from '../../src/core/document.ts'
import { readDenial } from '../../src/parsers/support/admission-denial.ts'
import { communityId } from '../../src/parsers/support/community-id.ts'
import { imageParts } from '../../src/parsers/support/image.ts'
import { freeForm } from '../../src/parsers/support/free-form.ts'
import { readObject } from '../../src/parsers/support/json-record.ts'
import { readLogrus } from '../../src/parsers/support/logrus-text.ts'
import { OTHERS_MAX } from '../../src/ports/format.ts'
import { at, contextOf, FIXTURES, formatOf, newDraft, parseAs, parseEvents, parseMessage } from './support.ts'

function lines(name: string): string[] {
  return readFileSync(join(FIXTURES, name), 'utf8').trimEnd().split('\n')
}

function allEvents(name: string, text: string): readonly Draft[] {
  return parseEvents(formatOf(name), text) ?? []
}

describe('a report', () => {
  it('gives its total first, then each result in its order, and is kept once', () => {
    const events = allEvents('kube-bench', lines('kube-bench/reports.log')[0]!)
    expect(events.map((event) => at(event, 'event.action'))).toEqual([
      'benchmark-total',
      ...Array.from({ length: 4 }, () => 'benchmark-check'),
    ])
    expect(events.map((event) => at(event, 'event.outcome'))).toEqual([
      'failure',
      'success',
      'unknown',
      'failure',
      'unknown',
    ])
    expect(events.map(({ original }) => original !== undefined)).toEqual([true, false, false, false, false])
  })

  it('says of which moment it is, where the source does', () => {
    const context = contextOf()
    const given = { ...context, provenance: { ...context.provenance, names: { moment: 'incident' } } }
    const events = parseEvents(formatOf('kube-bench'), lines('kube-bench/reports.log')[0]!, given) ?? []
    expect(events.map((event) => at(event, 'decklog.kube_bench.moment'))).toEqual(
      Array.from({ length: 5 }, () => 'incident'),
    )
  })

  it('says where it had more than an id can number', () => {
    const result = { test_number: '1', test_desc: 'x', status: 'PASS' }
    const results = Array.from({ length: OTHERS_MAX + 5 }, () => result)
    const text = JSON.stringify([{ node_type: 'node', tests: [{ results }], total_pass: 1 }])
    const events = allEvents('kube-bench', text)
    expect(events).toHaveLength(OTHERS_MAX + 1)
    expect(events[0]!.quality).toContain('too-many-events')
  })

  it('gives only its first event to who asks for no others', () => {
    const draft = newDraft()
    expect(formatOf('trivy').parse(lines('trivy/reports.log')[0]!, draft, contextOf())).toBe(true)
    expect(at(draft, 'event.action')).toBe('scan-completed')
  })

  it('takes what a header said into each of its events', () => {
    const text = lines('kube-bench/reports.log')[1]!
    const events = allEvents('kube-bench', `Nov 24 08:00:00 worker-3 kube-bench: ${text}`)
    expect(events.length).toBeGreaterThan(3)
    for (const event of events) {
      expect(at(event, 'host.hostname')).toBe('worker-3')
      expect(event.timeNs).toBe(events[0]!.timeNs)
    }
    expect(events[0]!.original).toBe(`Nov 24 08:00:00 worker-3 kube-bench: ${text}`)
  })
})

describe('a secret that a scanner found', () => {
  it('is nowhere in its documents', () => {
    const found = lines('trivy/reports.log').filter((line) => /"[Ss]ecrets"/.test(line))
    expect(found.length).toBeGreaterThan(1)
    for (const line of found) {
      const text = JSON.stringify(allEvents('trivy', line), (_, value: unknown) =>
        typeof value === 'bigint' ? String(value) : value,
      )
      expect(text).not.toMatch(/BEGIN RSA|AWS_ACCESS_KEY_ID=/)
      expect(text).toContain('secret-removed')
    }
  })
})

describe('falco', () => {
  it('has its time to the nanosecond, though no double holds it', () => {
    const draft = parseAs(
      'falco',
      '{"output":"x","priority":"Debug","rule":"r","output_fields":{"evt.time":1715108059341081181}}',
    )
    expect(draft?.timeNs).toBe(1_715_108_059_341_081_181n)
  })

  it('is about the process that it saw, not about the one that a header names', () => {
    const draft = parseMessage('falco', '08:00:00.1: Warning X (process=sh command=sh -c id user=root)')
    expect(at(draft, 'process.name')).toBe('sh')
    expect(at(draft, 'process.pid')).toBeUndefined()
  })

  it('believes the first of two equal keys, and says so: a command may print any', () => {
    const draft = parseAs(
      'falco',
      '08:00:00.1: Warning X (user=root user_uid=0 command=sh -c user=nobody container_id=abc container_id=def)',
    )
    expect(at(draft, 'user.name')).toBe('root')
    expect(at(draft, 'container.id')).toBe('abc')
    expect(draft?.quality).toEqual(['ambiguous-fields'])
  })

  it.each([
    ['23:59:59.5: Debug a', '2026-11-24T00:00:10Z', '2026-11-23T23:59:59.500Z'],
    ['00:00:01.5: Debug a', '2026-11-23T23:59:59Z', '2026-11-24T00:00:01.500Z'],
  ])('puts a time of day to the batch: %s at %s', (text, batchTime, expected) => {
    const draft = parseAs('falco', text, contextOf({ batchTime }))
    expect(new Date(Number(draft!.timeNs! / 1_000_000n)).toISOString()).toBe(expected)
  })
})

describe('netfilter', () => {
  it('reads what the kernel wrote, whatever the prefix says', () => {
    const prefix = 'IN=x SRC=192.0.2.66 DPT=1 drop: '
    const draft = parseMessage(
      'netfilter',
      `${prefix}IN=eth0 OUT= SRC=198.51.100.7 DST=192.0.2.10 LEN=60 PROTO=TCP SPT=1 DPT=22 `,
      'kernel',
    )
    expect(at(draft, 'source.ip')).toBe('198.51.100.7')
    expect(at(draft, 'destination.port')).toBe(22)
    expect(at(draft, 'related.ip')).toEqual(['198.51.100.7', '192.0.2.10'])
  })

  it('takes no line that a program wrote', () => {
    expect(
      parseMessage('netfilter', 'DROP: IN=eth0 OUT= SRC=192.0.2.1 DST=192.0.2.2 LEN=20 PROTO=TCP', 'app'),
    ).toBeUndefined()
  })
})

describe('a community id', () => {
  // The baseline of github.com/corelight/community-id-spec.
  it.each([
    [
      {
        source: '128.232.110.120',
        destination: '66.35.250.204',
        protocol: 6,
        sourcePort: 34855,
        destinationPort: 80,
      },
      '1:LQU9qZlK+B5F3KDmev6m5PMibrg=',
    ],
    [
      { source: '192.168.0.89', destination: '192.168.0.1', protocol: 1, sourcePort: 8, destinationPort: 0 },
      '1:X0snYXpgwiv9TZtqg64sgzUn6Dk=',
    ],
  ])('is that of the specification, and of both ways: %o', (flow, expected) => {
    expect(communityId(flow)).toBe(expected)
    const { source, destination, sourcePort, destinationPort, protocol } = flow
    const ports =
      protocol === 1
        ? { sourcePort: 0, destinationPort: 0 }
        : { sourcePort: destinationPort, destinationPort: sourcePort }
    expect(communityId({ source: destination, destination: source, protocol, ...ports })).toBe(expected)
  })

  it('is none of two families', () => {
    expect(communityId({ source: '::1', destination: '127.0.0.1', protocol: 6 })).toBeUndefined()
    expect(communityId({ source: 'x', destination: 'y', protocol: 6 })).toBeUndefined()
  })
})

describe('a refused object', () => {
  it.each([
    [
      'admission webhook "policy.sigstore.dev" denied the request: validation failed: failed policy: signed: spec.containers[0].image',
      'policy.sigstore.dev',
      ['signed'],
    ],
    [
      'admission webhook "validation.gatekeeper.sh" denied the request: [ns-must-have-gk] you must provide labels\n[other] no',
      'validation.gatekeeper.sh',
      ['ns-must-have-gk', 'other'],
    ],
    [
      'admission webhook "validation.gatekeeper.sh" denied the request: [denied by old-one] no',
      'validation.gatekeeper.sh',
      ['old-one'],
    ],
    [
      'admission webhook "validate.kyverno.svc-fail" denied the request: \n\nresource Pod/shop/web was blocked due to the following policies \n\nrequire-labels:\n  check: \'validation error\'\n',
      'validate.kyverno.svc-fail',
      ['require-labels'],
    ],
    [
      'pods "web" is forbidden: violates PodSecurity "baseline:v1.34": privileged',
      'PodSecurity',
      ['baseline:v1.34'],
    ],
    [
      "deployments.apps \"web\" is forbidden: ValidatingAdmissionPolicy 'replicas' with binding 'b' denied request: too many",
      'ValidatingAdmissionPolicy',
      ['replicas'],
    ],
    [
      'pods "web" is forbidden: exceeded quota: small, requested: pods=1, used: pods=5, limited: pods=5',
      'ResourceQuota',
      ['small'],
    ],
  ])('says who refused: %s', (message, by, policies) => {
    expect(readDenial(message)).toMatchObject({ by, policies })
  })

  it.each(['pods "x" not found', 'admission webhook "x" allowed', ''])('is none: %s', (message) => {
    expect(readDenial(message)).toBeUndefined()
  })
})

describe('the same refusal in the audit log', () => {
  const event = (code: number, message: string): string =>
    JSON.stringify({
      kind: 'Event',
      apiVersion: 'audit.k8s.io/v1',
      level: 'Request',
      auditID: 'a',
      stage: 'ResponseComplete',
      verb: 'create',
      responseStatus: { status: 'Failure', message, code },
    })

  it('names who refused, and is denied whatever the code', () => {
    const message =
      'admission webhook "policy.sigstore.dev" denied the request: validation failed: failed policy: signed: spec.containers[0].image'
    const draft = parseAs('kube-audit', event(400, message))
    expect(at(draft, 'rule')).toEqual({
      ruleset: 'policy.sigstore.dev',
      category: 'admission',
      name: 'signed',
    })
    expect(at(draft, 'event.type')).toEqual(['creation', 'denied'])
  })

  it('is none where the object was only wrong', () => {
    const draft = parseAs('kube-audit', event(422, 'Pod "x" is invalid: spec.containers: Required value'))
    expect(at(draft, 'rule')).toBeUndefined()
    expect(at(draft, 'event.type')).toEqual(['creation'])
  })
})

describe('small readers', () => {
  it.each([
    ['nginx', 'nginx', undefined, undefined],
    ['registry:5000/a/b', 'registry:5000/a/b', undefined, undefined],
    ['registry:5000/a/b:1@sha256:c', 'registry:5000/a/b', '1', 'sha256:c'],
  ])('an image: %s', (reference, repository, tag, digest) => {
    expect(imageParts(reference)).toEqual({ repository, tag, digest })
  })

  it('a line of logrus with quotes in quotes', () => {
    expect({ ...readLogrus('time="t" level=info msg="a \\"b\\" = c" k=v=w e=""') }).toEqual({
      time: 't',
      level: 'info',
      msg: 'a "b" = c',
      k: 'v=w',
      e: '',
    })
    expect(readLogrus('time="t" level=info msg="open')).toBeUndefined()
    expect(readLogrus('time="t" oops level=info msg=a')).toBeUndefined()
  })

  it('free-form maps are bounded, and names in them are only data', () => {
    const made = freeForm(
      readObject(
        '{"__proto__":{"x":1},"e":"","n":null,"l":[],"d":{"d":{"d":1}},"big":12345678901234567890}',
      )!,
    )
    expect(Object.keys(made as object)).toEqual(['__proto__', 'd', 'big'])
    expect(({} as { x?: number }).x).toBeUndefined()
    expect(freeForm({ '': 1, 'a\0b': 1, c: 1 })).toEqual({ c: 1 })
    const deep = JSON.parse(`${'{"a":'.repeat(40)}1${'}'.repeat(40)}`) as never
    expect(JSON.stringify(freeForm(deep)) ?? 'nothing').toBe('nothing')
  })
})
