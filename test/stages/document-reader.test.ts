import fc from 'fast-check'
import { expect, test } from 'vitest'
import { kubeBench } from '../../src/parsers/kube-bench.ts'
import { trivy } from '../../src/parsers/trivy.ts'
import { pipelineOf, type TestEvent, TestStream } from './stream-of.ts'

const pipeline = pipelineOf({
  spec: { class: 'posture', match: [{ when: {}, parse: ['trivy'], dataset: 'decklog.trivy' }] },
  formats: [trivy, kubeBench],
})
const options = { class: 'posture' }
const pretty = JSON.stringify(JSON.parse(trivy.example), undefined, 2).split('\n')

function shape(events: readonly TestEvent[]): unknown[] {
  return events.map(({ id, ranges, document }) => [id, ranges, document.decklog.quality ?? []])
}

/** Without what says where it stood. */
function content({ document }: TestEvent): unknown {
  const { decklog: _decklog, message: _message, event, ...rest } = document
  return { ...rest, action: event.action }
}

test('a report over many lines gives the events of the same report in one, and its first has all of its records', () => {
  const whole = new TestStream(pipeline, options)
  whole.feed([trivy.example])
  const stream = new TestStream(pipeline, options)
  stream.feed(['', ...pretty, trivy.example])
  expect(whole.events.length).toBeGreaterThan(1)
  expect(stream.events.slice(0, whole.events.length).map(content)).toEqual(whole.events.map(content))
  expect(stream.events[0]!.ranges).toEqual([[1, pretty.length]])
  expect(stream.events).toHaveLength(whole.events.length * 2)
  expect(stream.openBytes).toBe(0)
})

test('where it is cut into batches does not matter', () => {
  const lines = ['no json', ...pretty, '{', '  "a": 1', ...pretty, trivy.example, '[', 'x', '{"a":{']
  const once = new TestStream(pipeline, options)
  once.feed(lines)
  once.idle()
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: lines.length }), { maxLength: 6 }), (cuts) => {
      const stream = new TestStream(pipeline, options)
      const places = [0, ...cuts.sort((a, b) => a - b), lines.length]
      for (let i = 1; i < places.length; i++) stream.feed(lines.slice(places[i - 1], places[i]))
      stream.idle()
      expect(stream.events.map(({ bytes }) => bytes)).toEqual(once.events.map(({ bytes }) => bytes))
    }),
  )
})

test('a bracket that nobody closes takes no other report along', () => {
  const stream = new TestStream(pipeline, options)
  stream.feed(['{', ...pretty, '['])
  expect(shape(stream.events.slice(0, 2))).toEqual([
    [expect.stringMatching(/:0$/), [[0, 0]], expect.arrayContaining(['parse-failed', 'partial'])],
    [expect.stringMatching(/:1$/), [[1, pretty.length]], []],
  ])
  expect(stream.openSince).toBe(pretty.length + 1)
  expect(stream.idle().map(({ ranges }) => ranges)).toEqual([[[pretty.length + 1, pretty.length + 1]]])
})

test('one that grows beyond the limit is text, cut there, and what comes after it is read', () => {
  const stream = new TestStream(pipeline, options)
  const lines = ['{', ...Array.from({ length: 3_000 }, () => `  "${'x'.repeat(1_000)}": [],`)]
  stream.feed([...lines, trivy.example])
  const kept = stream.events.filter(({ document }) => document.decklog.quality?.includes('parse-failed'))
  expect(kept.length).toBeGreaterThan(0)
  expect(stream.events.some(({ document }) => document.decklog.quality === undefined)).toBe(true)
  const covered = stream.events.flatMap(({ ranges }) => ranges.map(([first, last]) => last - first + 1))
  expect(covered.reduce((sum, one) => sum + one, 0)).toBeGreaterThanOrEqual(lines.length)
})
