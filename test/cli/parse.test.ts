import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { newTally, type ParseTally, parseFiles } from '../../src/app/parse-files.ts'
import { PIPELINES_DIRECTORY } from '../../src/app/places.ts'
import { loadPipelines } from '../../src/config/pipelines.ts'
import { BATCH_BYTES_MAX } from '../../src/core/limits.ts'
import { formats } from '../../src/parsers/registry.ts'

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

test('accounts for every record and byte, of any format and whatever the bytes are', async () => {
  const pieces = fc.oneof(
    fc.uint8Array({ maxLength: 80 }),
    fc.constantFrom('\n', '\n\n', '\r\n', '{', '"', '\u0000').map((text) => Buffer.from(text)),
    fc.constantFrom(...[...formats.values()].map(({ example }) => Buffer.from(`${example}\n`))),
  )
  for (const format of ['cri', ...formats.keys()]) {
    await fc.assert(
      fc.asyncProperty(fc.array(pieces, { maxLength: 30 }), async (parts) => {
        const bytes = Buffer.concat(parts)
        const tally = await tallyOf(format, bytes)
        expect([tally.bytes, tally.accountedBytes]).toEqual([bytes.length, bytes.length])
        expect(tally.accounted).toBe(tally.records)
      }),
      { numRuns: 5 },
    )
  }
})

test('accounts for lines that are joined, empty, longer than a batch, and not read', async () => {
  const line = (tag: string, text: string): string => `2026-11-24T08:00:00Z stdout ${tag} ${text}\n`
  const long = line('F', 'y'.repeat(BATCH_BYTES_MAX * 5))
  const text = `${line('P', 'a')}${line('F', 'b')}${line('F', '')}no line\n\n${long}`
  const tally = await tallyOf('cri', Buffer.from(text))
  expect(tally).toMatchObject({ records: 6, events: 3, joined: 1, failed: 1, skipped: 2, covered: 2 })
  expect([tally.accounted, tally.accountedBytes]).toEqual([6, text.length])
})

async function tallyOf(format: string, bytes: Uint8Array): Promise<ParseTally> {
  const path = join(room, 'any.log')
  await writeFile(path, bytes)
  const tally = newTally()
  const options = {
    format,
    paths: [path],
    pipelines: loadPipelines(PIPELINES_DIRECTORY),
    rules: false,
    account: true,
  }
  for await (const documents of parseFiles(options, tally)) for (const { json } of documents) JSON.parse(json)
  return tally
}

async function messagesOf(text: string): Promise<{ messages: string[]; records: number }> {
  const path = join(room, 'lines.log')
  await writeFile(path, text)
  const tally = newTally()
  const pipelines = loadPipelines(PIPELINES_DIRECTORY)
  const messages: string[] = []
  for await (const documents of parseFiles({ format: 'text', paths: [path], pipelines, rules: false }, tally))
    for (const { json } of documents) messages.push((JSON.parse(json) as { message: string }).message)
  expect(tally.bytes).toBe(text.length)
  return { messages, records: tally.records }
}

test('a format that stands behind syslog is read with the header and without it, and so are its neighbours of one file', async () => {
  const sshd = 'Accepted publickey for alice from 203.0.113.7 port 50522 ssh2: ED25519 SHA256:abc'
  const sudo = 'bob : TTY=pts/0 ; PWD=/home/bob ; USER=root ; COMMAND=/usr/bin/id'
  const lines = [
    `Nov 24 08:00:00 n1 sshd[7]: ${sshd}`,
    sshd,
    `<38>1 2026-11-24T08:00:00Z n1 sudo 7 - - ${sudo}`,
    'Nov 24 08:00:00 n1 kernel: something else',
    'neither',
  ]
  const path = join(room, 'auth.log')
  await writeFile(path, lines.join('\n'))
  const documents: {
    readonly decklog: { readonly parser: { readonly name: string }; readonly quality?: string[] }
  }[] = []
  const pipelines = loadPipelines(PIPELINES_DIRECTORY)
  for await (const made of parseFiles({ format: 'sshd', paths: [path], pipelines, rules: false }, newTally()))
    documents.push(...made.map(({ json }) => JSON.parse(json) as (typeof documents)[number]))
  expect(documents.map(({ decklog }) => decklog.parser.name)).toEqual([
    'sshd',
    'sshd',
    'sudo',
    'syslog',
    'syslog',
  ])
  expect(documents.map(({ decklog }) => decklog.quality?.includes('parse-failed') ?? false)).toEqual([
    false,
    false,
    false,
    false,
    true,
  ])
})

test.each(['syslog', 'journald'])('%s is read as the class of logins reads it', async (format) => {
  const path = join(room, `${format}.log`)
  const header = 'Nov 24 08:00:00 worker-3 sshd[1]: '
  const entry = {
    __REALTIME_TIMESTAMP: '1795507200000000',
    _COMM: 'sshd',
    MESSAGE: 'Server listening on :: port 22.',
  }
  await writeFile(path, format === 'syslog' ? `${header}${entry.MESSAGE}\n` : `${JSON.stringify(entry)}\n`)
  const pipelines = loadPipelines(PIPELINES_DIRECTORY)
  for await (const made of parseFiles({ format, paths: [path], pipelines, rules: false }, newTally())) {
    expect(
      made.map(({ json }) => (JSON.parse(json) as { data_stream: { dataset: string } }).data_stream.dataset),
    ).toEqual(['system.auth'])
  }
})
