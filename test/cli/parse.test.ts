import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parseFiles, type ParseTally } from '../../src/app/parse-files.ts'
import { PIPELINES_DIRECTORY } from '../../src/app/places.ts'
import { loadPipelines } from '../../src/config/pipelines.ts'
import { BATCH_BYTES_MAX } from '../../src/core/limits.ts'

let room: string
beforeAll(async () => {
  room = await mkdtemp(join(tmpdir(), 'decklog-parse-'))
})
afterAll(() => rm(room, { recursive: true }))

test('a last line without its newline is a record as any other', async () => {
  expect(await messagesOf('one\ntwo')).toEqual({ messages: ['one', 'two'], records: 2 })
  expect(await messagesOf('one')).toEqual({ messages: ['one'], records: 1 })
  expect(await messagesOf('')).toEqual({ messages: [], records: 0 })
})

test('so is a last line that is longer than a batch, after lines that are not', async () => {
  const long = 'y'.repeat(BATCH_BYTES_MAX * 2 + 10)
  const { messages, records } = await messagesOf(`one\n${long}\nthree\n${long}`)
  expect(messages.map((message) => message.length)).toEqual([3, long.length, 5, long.length])
  expect(records).toBe(4)
})

async function messagesOf(text: string): Promise<{ messages: string[]; records: number }> {
  const path = join(room, 'lines.log')
  await writeFile(path, text)
  const tally: ParseTally = { records: 0, bytes: 0, events: 0, joined: 0, failed: 0, skipped: 0, signals: 0 }
  const pipelines = loadPipelines(PIPELINES_DIRECTORY)
  const messages: string[] = []
  for await (const documents of parseFiles({ format: 'text', paths: [path], pipelines, rules: false }, tally))
    for (const { json } of documents) messages.push((JSON.parse(json) as { message: string }).message)
  expect(tally.bytes).toBe(text.length)
  return { messages, records: tally.records }
}
