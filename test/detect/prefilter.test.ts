import { describe, expect, it } from 'vitest'
import { inspectRule } from '../../src/detect/sigma/inspect.ts'
import { makeTagger } from '../../src/detect/sigma/tagger.ts'
import { AUDIT, CONTAINER, ruleOf, ruleText, taggerOf } from './building.ts'

/** Which of these lines may match? */
function passed(selection: string, lines: readonly string[]): string[] {
  const tagger = taggerOf(`  selection:\n    ${selection}\n  condition: selection`)
  const filter = tagger.prepare(Buffer.from(lines.map((line) => `${line}\n`).join('')))
  let start = 0
  return lines.filter((line) => {
    const end = start + Buffer.byteLength(line)
    const may = filter.may(start, end)
    start = end + 1
    return may
  })
}

describe('the pre-filter', () => {
  it('passes only lines with a literal, in any case', () => {
    const lines = ['nothing', 'run KUBECTL exec', 'kube ctl', 'x kubectl']
    expect(passed('message|contains: kubectl', lines)).toEqual(['run KUBECTL exec', 'x kubectl'])
  })

  it('says of a batch without any that nothing can match', () => {
    const tagger = taggerOf('  s: [kubectl, /etc/shadow]\n  condition: s')
    expect(tagger.prepare(Buffer.from('a\nb\n')).none).toBe(true)
    expect(tagger.prepare(Buffer.from('a\n/ETC/shadow\n')).none).toBe(false)
  })

  it('passes what an escape may hide, and not what it cannot', () => {
    const lines = [
      String.raw`{"m":"\u0063url"}`,
      String.raw`{"m":"\u0043url"}`,
      String.raw`{"m":"\u003cb\u003e"}`,
      String.raw`{"m":"\u00e9"}`,
      String.raw`{"m":"\"\n\t\\"}`,
      String.raw`{"m":"\u12"}`,
    ]
    expect(passed('message|contains: curl', lines)).toEqual([lines[0], lines[1]])
  })

  it('reads escapes as JSON does, and a record without them as it stands', () => {
    const lines = [
      String.raw`{"m":"\\u0063url"}`,
      String.raw`{"m":"\u212aubectl"}`,
      String.raw`no JSON: \\u0063url \kubectl`,
    ]
    expect(passed('message|contains: curl', lines)).toEqual([])
    expect(passed('message|contains: kubectl', lines)).toEqual([lines[1], lines[2]])
  })

  it('passes an escaped slash only where a literal has a slash', () => {
    const line = String.raw`{"m":"cat \/etc\/passwd"}`
    expect(passed('message|contains: /etc/passwd', [line, 'x'])).toEqual([line])
    expect(passed('message|contains: nothing', [line, 'x'])).toEqual([])
    const mixed = [String.raw`{"m":"/et\u0063\/passwd"}`, String.raw`{"m":"\u002fetc/p\u0061sswd"}`]
    expect(passed('message|contains: /etc/passwd', mixed)).toEqual(mixed)
  })

  it('passes characters that fold into a literal, and no others outside ASCII', () => {
    const lines = ['\u212aubectl', 'kube日本', 'İf', 'naïve']
    expect(passed('message|contains: kubectl', lines)).toEqual(['\u212aubectl', 'İf'])
  })

  it('does not trust numbers to be written as they are compared', () => {
    const tagger = makeTagger([
      ruleOf(ruleText({ detection: "  s: { decklog.payload.code: '1000' }\n  condition: s" })),
    ])
    const line = '{"code":1e3}'
    const source = tagger.forSource(CONTAINER, {})!
    expect(source.match({ decklog: { payload: { code: 1e3 } } }, line)).toHaveLength(1)
    expect(source.prepare(Buffer.from(`${line}\n`)).may(0, line.length)).toBe(true)
  })

  it('uses the name of a field where its value says nothing', () => {
    const detection =
      '  s: { requestObject.spec.containers.securityContext.privileged: true }\n  condition: s'
    const logsource = '{ product: kubernetes, service: audit }'
    const tagger = makeTagger([ruleOf(ruleText({ detection, logsource }))]).forSource(AUDIT, {})!
    expect(tagger.prepare(Buffer.from('{"verb":"get"}\n')).none).toBe(true)
    expect(tagger.prepare(Buffer.from('{"privileged":true}\n')).none).toBe(false)
  })

  it('does not use names that the parser changes', () => {
    const detection = '  s: { annotations.example.com/flag|exists: true }\n  condition: s'
    const logsource = '{ product: kubernetes, service: audit }'
    const tagger = makeTagger([ruleOf(ruleText({ detection, logsource }))]).forSource(AUDIT, {})!
    const line = '{"annotations":{"example.com/flag":"x"}}'
    const document = { kubernetes: { audit: { annotations: { 'example_com/flag': 'x' } } } }
    expect(tagger.match(document, line)).toHaveLength(1)
    expect(tagger.prepare(Buffer.from(`${line}\n`)).may(0, line.length)).toBe(true)
  })

  it('passes everything when a rule needs no literal, and the check says so', () => {
    const rule = ruleOf(ruleText({ detection: '  s: { message: x }\n  condition: not s' }))
    const tagger = makeTagger([rule]).forSource(CONTAINER, {})!
    expect(tagger.prepare(Buffer.from('a\n')).may(0, 1)).toBe(true)
    expect(inspectRule(rule).slowOn).toEqual(['kubernetes.container_logs'])
    expect(inspectRule(ruleOf(ruleText())).slowOn).toEqual(['kubernetes.container_logs'])
    expect(
      inspectRule(ruleOf(ruleText({ detection: '  s: { message|contains: abc }\n  condition: s' }))).slowOn,
    ).toEqual([])
  })

  it('takes fields that a parser derives for no reason to skip a line', () => {
    const rule = ruleOf(ruleText({ detection: '  s: { event.action: something }\n  condition: s' }))
    expect(inspectRule(rule).slowOn).toEqual(['kubernetes.container_logs'])
  })

  it('looks at constants once: a rule for another namespace costs nothing', () => {
    const detection = '  s: { kubernetes.namespace: payments, message|contains: secret }\n  condition: s'
    const tagger = makeTagger([ruleOf(ruleText({ detection }))])
    expect(tagger.forSource(CONTAINER, { kubernetes: { namespace: 'shop' } })).toBeUndefined()
    const payments = tagger.forSource(CONTAINER, { kubernetes: { namespace: 'payments' } })
    expect(
      payments?.match({ kubernetes: { namespace: 'payments' }, message: 'a secret' }, 'a secret'),
    ).toHaveLength(1)
    const same = { kubernetes: { namespace: 'payments', pod: { name: 'another' } } }
    expect(tagger.forSource(CONTAINER, same)).toBe(payments)
  })
})
