import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { QualityBit } from '../../src/core/quality.ts'
import { jsonPayload } from '../../src/parsers/json-payload.ts'
import { newPayloadScan, PayloadSlot } from '../../src/ports/line-format.ts'

function scanned(text: string): {
  verdict: string
  quality: number
  level: string | undefined
  fields: Record<string, string>
} {
  const bytes = Buffer.from(`xx${text}yy`)
  const scan = newPayloadScan()
  const verdict = jsonPayload.scan(bytes, 2, bytes.length - 2, scan)
  const fields: Record<string, string> = {}
  if (verdict === 'json') {
    for (const [name, slot] of Object.entries(PayloadSlot)) {
      if (scan.end[slot] !== 0) fields[name] = bytes.toString('utf8', scan.start[slot], scan.end[slot])
    }
  }
  const level = verdict === 'json' ? jsonPayload.level(bytes, scan) : undefined
  return { verdict, quality: scan.quality, level, fields }
}

describe('loggers', () => {
  test.each([
    [
      'pino',
      '{"level":50,"time":1,"pid":1,"hostname":"h","name":"cart","msg":"no","err":{"type":"E","message":"m","stack":"s"}}',
      'error',
      { message: 'no', level: '50', logger: 'cart', errorType: 'E', errorMessage: 'm', errorStack: 's' },
    ],
    [
      'zap',
      '{"level":"INFO","ts":1.5,"logger":"http","caller":"a.go:1","msg":"served","trace_id":"t","span_id":"s"}',
      'info',
      { message: 'served', level: 'INFO', logger: 'http', trace: 't', span: 's' },
    ],
    [
      'logrus',
      '{"level":"warning","msg":"slow","error":"timeout"}',
      'warning',
      { message: 'slow', level: 'warning', errorMessage: 'timeout' },
    ],
    ['slog', '{"time":"x","level":"WARN","msg":"slow"}', 'warn', { message: 'slow', level: 'WARN' }],
    [
      'ECS, dotted',
      '{"@timestamp":"x","log.level":"ERROR","message":"m","log.logger":"a.B","error.type":"E","error.stack_trace":"s","trace.id":"t"}',
      'error',
      { message: 'm', level: 'ERROR', logger: 'a.B', errorType: 'E', errorStack: 's', trace: 't' },
    ],
    [
      'ECS, nested',
      '{"log":{"level":"debug","logger":"a.B"},"message":"m","error":{"message":"e"},"trace":{"id":"t"},"span":{"id":"s"}}',
      'debug',
      { message: 'm', level: 'debug', logger: 'a.B', errorMessage: 'e', trace: 't', span: 's' },
    ],
    [
      'Serilog',
      '{"@t":"x","@m":"hello","@mt":"hello {x}","@l":"Error","@x":"stack","SourceContext":"Shop.Cart"}',
      'error',
      { message: 'hello', level: 'Error', logger: 'Shop.Cart', errorStack: 'stack' },
    ],
    ['GELF', '{"version":"1.1","short_message":"m","level":3}', 'error', { message: 'm', level: '3' }],
    [
      'Logstash',
      '{"message":"m","logger_name":"a.B","level":"INFO","stack_trace":"s"}',
      'info',
      { message: 'm', level: 'INFO', logger: 'a.B', errorStack: 's' },
    ],
  ])('%s', (_, text, level, fields) => {
    expect(scanned(text)).toMatchObject({ verdict: 'json', quality: 0, level, fields })
    expect(scanned(text).fields).toEqual(fields)
  })

  test('a known name deeper in the payload is nobody’s message', () => {
    expect(scanned('{"a":{"message":"x","level":"info"},"b":[{"msg":"y"}]}').fields).toEqual({})
    expect(scanned('{"err":[{"message":"x"}],"log":{"x":{"level":"info"}}}').fields).toEqual({})
  })

  test('the first of the known names wins, wherever it stands', () => {
    expect(scanned('{"msg":"second","message":"first","log":"third"}').fields.message).toBe('first')
  })

  test('a value of another kind is left where it is', () => {
    expect(scanned('{"message":{"a":1},"msg":7,"log":"text","level":true,"trace_id":12}').fields).toEqual({
      message: 'text',
    })
  })

  test.each(['"level":99', '"level":-1', '"level":""', '"level":"<script>"', `"level":"${'x'.repeat(40)}"`])(
    'no level is made of %s',
    (member) => {
      expect(scanned(`{${member}}`).level).toBeUndefined()
    },
  )
})

describe('scan', () => {
  test('takes what JSON.parse takes, of objects that are nothing odd', () => {
    fc.assert(
      fc.property(
        fc.json({ maxDepth: 5, noUnicodeString: false }),
        fc.array(fc.tuple(fc.nat(200), fc.constantFrom(...'{}[]",:\\ 0-.eutnf\u0001'.split(''))), {
          maxLength: 2,
        }),
        (value, changes) => {
          const characters = `{"k":${value}}`.split('')
          for (const [at, character] of changes)
            if (at > 1 && at < characters.length - 1) characters[at] = character
          const text = characters.join('').toWellFormed()
          const { verdict, quality } = scanned(text)
          if (verdict === 'json') expect(isObject(text)).toBe(true)
          else if (quality === 0 || (quality & QualityBit.jsonInvalid) !== 0) {
            expect(text.startsWith('{"') && text.endsWith('}') ? isObject(text) : false).toBe(false)
          }
        },
      ),
      { numRuns: 5000 },
    )
  })

  test('finds a key twice wherever JSON.parse would drop one', () => {
    const keys = fc.array(fc.constantFrom('a', 'b', '\\u0061', 'c', 'ä', '\\u00e4', 'level'), {
      minLength: 1,
      maxLength: 6,
    })
    fc.assert(
      fc.property(keys, (names) => {
        const text = `{"x":[{${names.map((name) => `"${name}":0`).join(',')}}]}`
        const kept = Object.keys((JSON.parse(text) as { x: [object] }).x[0]).length
        expect(scanned(text).verdict).toBe(kept === names.length ? 'json' : 'text')
      }),
    )
  })

  test('tells the same key in different objects from a key twice', () => {
    expect(scanned('{"a":{"a":1},"b":{"a":1},"c":[{"a":1},{"a":1}]}').verdict).toBe('json')
  })

  test('forgets the keys of the text before', () => {
    for (let n = 0; n < 3; n++) expect(scanned('{"a":1,"b":2}').verdict).toBe('json')
  })

  test.each([
    ['{"a":"\\u001b[31m"}', QualityBit.control],
    ['{"a":"\\u202e"}', QualityBit.bidi],
    ['{"a":"\u202e"}', QualityBit.bidi],
    ['{"a":"\\n\\t\\r"}', 0],
    ['{"a":"\\ud83d\\ude00"}', 0],
    ['{"a":9007199254740992,"b":1e10,"c":0.1,"d":-0,"e":123456789012345.5}', 0],
  ])('judges the characters and numbers of %s', (text, quality) => {
    expect(scanned(text)).toMatchObject({ verdict: 'json', quality })
  })

  test('a text that only looks a little like JSON says nothing', () => {
    for (const text of ['{not json}', '[1,2]', '"x"', '{', '{}x', 'x{}'])
      expect(scanned(text)).toMatchObject({ verdict: 'text', quality: 0 })
  })

  test('takes time in proportion to the text, however its keys collide or nest', () => {
    const wide = `{${Array.from({ length: 999 }, (_, n) => `"${'k'.repeat(1000)}${n}":{}`).join(',')}}`
    expect(scanned(wide).verdict).toBe('json')
    const objects = `{"a":[${Array.from({ length: 50_000 }, () => '{}').join(',')}]}`
    expect(scanned(objects).verdict).toBe('json')
  })
})

function isObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
  } catch {
    return false
  }
}
