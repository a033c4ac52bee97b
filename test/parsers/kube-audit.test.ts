import { describe, expect, it } from 'vitest'
import type { Draft, JsonObject } from '../../src/core/document.ts'
import { scanJson } from '../../src/parsers/support/json-scan.ts'
import { at, contextOf, formatOf, newDraft, parseAs } from './support.ts'

function eventOf(over: JsonObject = {}): JsonObject {
  return {
    kind: 'Event',
    apiVersion: 'audit.k8s.io/v1',
    level: 'Request',
    auditID: 'a-1',
    stage: 'ResponseComplete',
    requestURI: '/api/v1/namespaces/shop/pods/web',
    verb: 'get',
    user: { username: 'alice', groups: ['ops'] },
    sourceIPs: ['203.0.113.7'],
    objectRef: { resource: 'pods', namespace: 'shop', name: 'web', apiVersion: 'v1' },
    responseStatus: { metadata: {}, code: 200 },
    requestReceivedTimestamp: '2026-11-24T08:00:00.000000Z',
    stageTimestamp: '2026-11-24T08:00:00.000250Z',
    annotations: { 'authorization.k8s.io/decision': 'allow', 'authorization.k8s.io/reason': '' },
    ...over,
  }
}

const audit = (over: JsonObject = {}) => parseAs('kube-audit', JSON.stringify(eventOf(over)))
const secret = { resource: 'secrets', namespace: 'shop', name: 'db', apiVersion: 'v1' }

describe('kube-audit', () => {
  it('names fields as Elastic does', () => {
    const draft = audit()
    expect(draft?.timeNs).toBe(1_795_507_200_000_250_000n)
    expect(at(draft, 'event')).toEqual({
      action: 'get',
      category: ['api'],
      type: ['access'],
      id: 'a-1',
      outcome: 'success',
      duration: 250_000,
    })
    expect((at(draft, 'kubernetes.audit.annotations') as JsonObject)['authorization_k8s_io/decision']).toBe(
      'allow',
    )
    expect(at(draft, 'kubernetes.audit.responseStatus')).toEqual({ code: 200 })
    expect(at(draft, 'orchestrator')).toEqual({
      type: 'kubernetes',
      namespace: 'shop',
      api_version: 'audit.k8s.io/v1',
      resource: { name: 'web', type: 'pods' },
    })
    expect(draft?.message).toBe('alice get pods/web in shop: 200')
    expect(draft?.original).toBe(JSON.stringify(eventOf()))
  })

  it.each([
    [{ responseStatus: { code: 404 } }, 'failure'],
    [{ responseStatus: { code: 101 } }, 'success'],
    [
      { annotations: { 'authorization.k8s.io/decision': 'forbid' }, responseStatus: { code: 403 } },
      'failure',
    ],
    [{ annotations: {}, responseStatus: {}, stage: 'RequestReceived' }, undefined],
  ] as const)('judges the outcome: %j', (over, outcome) => {
    expect(at(audit(over), 'event.outcome')).toBe(outcome)
  })

  it('believes the address that the API server saw, and finds the others', () => {
    const draft = audit({ sourceIPs: ['198.51.100.1', '203.0.113.7'] })
    expect(at(draft, 'source.ip')).toBe('203.0.113.7')
    expect(at(draft, 'related.ip')).toEqual(['198.51.100.1', '203.0.113.7'])
  })

  it('shows what exec was asked to run, by whichever verb', () => {
    for (const verb of ['get', 'create']) {
      const draft = audit({
        verb,
        requestURI:
          '/api/v1/namespaces/shop/pods/web/exec?command=sh&command=-c&command=cat+%2Fetc%2Fpasswd%20%zz&container=a',
        objectRef: { resource: 'pods', namespace: 'shop', name: 'web', subresource: 'exec' },
      })
      expect(at(draft, 'process')).toEqual({
        args: ['sh', '-c', 'cat /etc/passwd %zz'],
        command_line: 'sh -c cat /etc/passwd %zz',
      })
    }
  })

  it('says who acts as whom', () => {
    const draft = audit({ impersonatedUser: { username: 'system:admin', groups: ['system:masters'] } })
    expect(at(draft, 'user')).toEqual({ name: 'alice', effective: { name: 'system:admin' } })
    expect(at(draft, 'related.user')).toEqual(['alice', 'system:admin'])
  })

  const body = {
    kind: 'Secret',
    apiVersion: 'v1',
    type: 'Opaque',
    metadata: {
      name: 'db',
      annotations: { 'kubectl.kubernetes.io/last-applied-configuration': '{"data":{"p":"aHVudGVyMg=="}}' },
    },
    data: { p: 'aHVudGVyMg==' },
    stringData: { q: 'hunter2' },
  }
  it.each([
    ['a secret that was read', { objectRef: secret, responseObject: body }],
    ['a secret that was written', { objectRef: secret, verb: 'create', requestObject: body }],
    ['a list of secrets', { objectRef: secret, responseObject: { kind: 'SecretList', items: [body] } }],
    [
      'a table of secrets',
      {
        objectRef: secret,
        responseObject: { kind: 'Table', rows: [{ cells: ['aHVudGVyMg=='], object: body }] },
      },
    ],
    ['a merge patch', { objectRef: secret, verb: 'patch', requestObject: { data: { p: 'aHVudGVyMg==' } } }],
    [
      'a JSON patch',
      {
        objectRef: secret,
        verb: 'patch',
        requestObject: [{ op: 'add', path: '/data/p', value: 'aHVudGVyMg==' }],
      },
    ],
    ['a text', { objectRef: secret, requestObject: 'aHVudGVyMg==' }],
    ['a secret under another name', { responseObject: body }],
    [
      'a token',
      {
        objectRef: { resource: 'serviceaccounts', subresource: 'token' },
        responseObject: { kind: 'TokenRequest', status: { token: 'hunter2' } },
      },
    ],
    [
      'a token review',
      {
        objectRef: { resource: 'tokenreviews' },
        requestObject: { kind: 'TokenReview', spec: { token: 'hunter2' } },
      },
    ],
  ])('keeps no value of %s anywhere in the document', (_, over) => {
    const draft = audit(over)
    expect(draft?.quality).toContain('secret-removed')
    expect(draft?.original).toBeUndefined()
    expect(JSON.stringify({ ...draft, timeNs: '' })).not.toMatch(/aHVudGVyMg|hunter2/)
  })

  it('keeps the names of a secret’s keys, and a refusal whole', () => {
    expect(
      at(audit({ objectRef: secret, responseObject: body }), 'kubernetes.audit.responseObject.data'),
    ).toEqual({ p: '[removed]' })
    const refusal = audit({
      objectRef: secret,
      responseObject: { kind: 'Status', status: 'Failure', code: 403 },
    })
    expect(refusal?.quality).toEqual([])
    expect(refusal?.original).toBeDefined()
  })

  it.each([
    ['no JSON', '{"kind":"Event"'],
    ['another object', '{"kind":"Status","apiVersion":"v1"}'],
    ['a text', 'Nov 24 08:00:00 host sshd[1]: x'],
    ['an event of the core API', '{"kind":"Event","apiVersion":"v1","auditID":"x","stage":"y"}'],
    ['an array', '[]'],
  ])('is not %s', (_, text) => {
    expect(parseAs('kube-audit', text)).toBeUndefined()
  })

  it('takes only fields that the API defines, each of its type', () => {
    const draft = audit({
      surprise: { a: 1 },
      responseStatus: { code: 'ALLOW', extra: {} },
      user: { username: 7, groups: ['a', 1] },
    })
    expect(at(draft, 'kubernetes.audit.surprise')).toBeUndefined()
    expect(at(draft, 'kubernetes.audit.responseStatus')).toEqual({})
    expect(at(draft, 'kubernetes.audit.user')).toEqual({ groups: ['a'] })
  })
})

describe('an EventList', () => {
  const bare = (over: JsonObject = {}): JsonObject => {
    const { kind: _kind, apiVersion: _apiVersion, ...rest } = eventOf(over)
    return rest
  }
  const listOf = (...items: (JsonObject | string)[]): string =>
    `{"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{"items":[1]},"items":[${items.map((item) => (typeof item === 'string' ? item : JSON.stringify(item))).join(' , ')}]}`
  const parseAll = (text: string): Draft[] | undefined => {
    const others: Draft[] = []
    const draft = newDraft(text)
    return formatOf('kube-audit').parse(text, draft, contextOf(), others) ? [draft, ...others] : undefined
  }

  it('gives one document an item, each with its own text', () => {
    const items = [bare({ auditID: 'a' }), eventOf({ auditID: 'b' }), bare({ auditID: 'c', verb: 'li"st}]' })]
    const drafts = parseAll(listOf(...items))
    expect(drafts?.map((draft) => at(draft, 'event.id'))).toEqual(['a', 'b', 'c'])
    expect(drafts?.map(({ original }) => original)).toEqual(items.map((item) => JSON.stringify(item)))
    expect(drafts?.map(({ quality }) => quality)).toEqual([[], [], []])
    expect(at(drafts?.[0], 'kubernetes.audit.apiVersion')).toBe('audit.k8s.io/v1')
  })

  it('is not led astray by what else is called items, or stands beside them', () => {
    const [one, two] = [JSON.stringify(bare({ auditID: 'a' })), JSON.stringify(bare({ auditID: 'b' }))]
    const text = `{"x":[{"y":[{}]}],"items":[{"z":1}],"kind":"EventList","items":[${one},${two}],"apiVersion":"audit.k8s.io/v1","w":[{}]}`
    expect(parseAll(text)?.map(({ original }) => original)).toEqual([one, two])
  })

  it('keeps a secret of one item out of all documents', () => {
    const leak = bare({ objectRef: secret, responseObject: { kind: 'Secret', data: { p: 'aHVudGVyMg==' } } })
    const drafts = parseAll(listOf(bare(), leak))
    expect(JSON.stringify(drafts?.map((draft) => ({ ...draft, timeNs: '' })))).not.toContain('aHVudGVyMg')
    expect(drafts?.map(({ quality }) => quality)).toEqual([[], ['secret-removed']])
  })

  it('keeps what is no event as text, and takes the first event as the first', () => {
    const drafts = parseAll(listOf('5', '{"auditID":""}', bare({ auditID: 'z' })))
    expect(at(drafts?.[0], 'event.id')).toBe('z')
    expect(drafts?.slice(1).map(({ message, quality }) => [message, quality])).toEqual([
      ['5', ['parse-failed']],
      ['{"auditID":""}', ['parse-failed']],
    ])
  })

  it('is none without events', () => {
    expect(parseAll(listOf())).toBeUndefined()
    expect(parseAll(listOf('{}'))).toBeUndefined()
  })

  it('makes no more documents than a record may have', () => {
    const drafts = parseAll(listOf(...Array.from({ length: 8300 }, (_, n) => bare({ auditID: `a${n}` }))))
    expect(drafts).toHaveLength(8193)
    expect(drafts?.[0]?.quality).toEqual(['truncated'])
  })
})

describe('what admission and policy say', () => {
  it('says why a request was refused', () => {
    const draft = audit({
      responseStatus: { code: 403, status: 'Failure', reason: 'Forbidden', message: 'pods "x" is forbidden' },
    })
    expect(at(draft, 'event')).toMatchObject({ outcome: 'failure', reason: 'pods "x" is forbidden' })
  })

  it('says what pod security would have refused', () => {
    const draft = audit({
      annotations: {
        'authorization.k8s.io/decision': 'allow',
        'pod-security.kubernetes.io/audit-violations': 'would violate PodSecurity "restricted:latest"',
      },
    })
    expect(at(draft, 'event')).toMatchObject({
      outcome: 'success',
      reason: 'would violate PodSecurity "restricted:latest"',
    })
  })

  it('calls a panic a failure', () => {
    expect(at(audit({ stage: 'Panic', responseStatus: {} }), 'event.outcome')).toBe('failure')
  })

  it('keeps no patch of a secret', () => {
    const draft = audit({
      objectRef: secret,
      annotations: { 'patch.webhook.admission.k8s.io/round_0_index_0': '{"patch":"aHVudGVyMg=="}' },
    })
    expect(draft?.quality).toEqual(['secret-removed'])
    expect(JSON.stringify({ ...draft, timeNs: '' })).not.toContain('aHVudGVyMg')
    const ofPod = audit({
      annotations: { 'patch.webhook.admission.k8s.io/round_0_index_0': '{"patch":"x"}' },
    })
    expect(at(ofPod, 'kubernetes.audit.annotations')).toEqual({
      'patch_webhook_admission_k8s_io/round_0_index_0': '{"patch":"x"}',
    })
  })

  it('finds the images of a pod and of what makes pods', () => {
    const spec = { containers: [{ image: 'a:1' }, { image: 'b:2' }], initContainers: [{ image: 'a:1' }] }
    expect(at(audit({ requestObject: { kind: 'Pod', spec } }), 'container.image.name')).toEqual([
      'a:1',
      'b:2',
    ])
    const deployment = {
      kind: 'Deployment',
      spec: { template: { spec: { containers: [{ image: 'c:3' }] } } },
    }
    expect(at(audit({ requestObject: deployment }), 'container.image.name')).toBe('c:3')
  })

  it('says where somebody attached or forwarded a port to', () => {
    const ref = (subresource: string): JsonObject => ({
      resource: 'pods',
      namespace: 'shop',
      name: 'web',
      subresource,
    })
    const attach = audit({
      requestURI: '/api/v1/namespaces/shop/pods/web/attach?container=app&stdin=true&tty=true',
      objectRef: ref('attach'),
    })
    expect(at(attach, 'process')).toEqual({ interactive: true })
    expect(at(attach, 'container.name')).toBe('app')
    expect(at(attach, 'kubernetes.pod.name')).toBe('web')
    const forward = audit({
      requestURI: '/api/v1/namespaces/shop/pods/web/portforward?ports=8080',
      objectRef: ref('portforward'),
    })
    expect(at(forward, 'destination.port')).toBe(8080)
  })
})

describe('JSON that is there to do harm', () => {
  const text = JSON.stringify(eventOf({ requestObject: { kind: 'Pod', here: 1 } }))

  it.each([100, 10_000, 1_000_000])(
    'nested %i deep: the body is left out, the rest is read, the text is kept',
    (depth) => {
      const deep = text.replace('"here":1', `"here":${'['.repeat(depth)}${']'.repeat(depth)}`)
      const draft = parseAs('kube-audit', deep)
      expect(draft?.quality).toEqual(['json-depth'])
      expect(at(draft, 'kubernetes.audit.requestObject')).toBeUndefined()
      expect(at(draft, 'user.name')).toBe('alice')
      expect(draft?.original).toBe(deep)
      expect(() => JSON.stringify(draft?.fields)).not.toThrow()
    },
  )

  it('names that are methods stay data', () => {
    const draft = parseAs(
      'kube-audit',
      text.replace('"here":1', '"__proto__":{"polluted":true},"constructor":1'),
    )
    expect(draft?.quality).toContain('json-proto-key')
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined()
    const object = at(draft, 'kubernetes.audit.requestObject') as JsonObject
    expect(Object.getPrototypeOf(object)).toBeNull()
    expect(Object.keys(object)).toEqual(['kind', '__proto__', 'constructor'])
  })

  it.each([
    ['9007199254740993', true],
    ['-12345678901234567890', true],
    ['1e400', true],
    ['0.12345678901234567890123', true],
    ['9007199254740992', false],
    ['1732435200.123456', false],
    ['1e21', false],
    ['1.5e-7', false],
  ])('a number that a double may not hold is tagged: %s', (number, odd) => {
    const draft = parseAs('kube-audit', text.replace('"here":1', `"here":${number}`))
    expect(draft?.quality).toEqual(odd ? ['json-number-precision'] : [])
  })

  it.each([
    ['{"a":1,"a":2}', true],
    ['{"a":"x\\":y","b":{"a":1}}', false],
    ['{"\\u0061":1,"a":2}', true],
    ['[{"a":1},{"a":1}]', false],
  ])('a name that comes twice is tagged: %s', (value, twice) => {
    const draft = parseAs('kube-audit', text.replace('"here":1', `"here":${value}`))
    expect(draft?.quality).toEqual(twice ? ['json-duplicate-key'] : [])
  })

  it('is scanned as it is parsed', () => {
    expect(scanJson('{"a\\\\":[1,{"b":"}{\\"["}],"c" : 2}')).toEqual({ depth: 3, keys: 3, oddNumber: false })
  })
})
