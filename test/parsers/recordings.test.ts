import { describe, expect, it } from 'vitest'
import { terminalText } from '../../src/parsers/support/terminal-text.ts'
import { readTiming } from '../../src/parsers/support/tlog-timing.ts'
import { parsersOnly } from '../../src/roles/process/parts.ts'
import { compilePipeline } from '../../src/stages/pipeline.ts'
import { processBatch } from '../../src/stages/process-batch.ts'
import { newStreamState } from '../../src/stages/stream-state.ts'
import { batchOf } from '../stages/stream-of.ts'
import { at, contextOf, formatOf, newDraft, parseAs } from './support.ts'

describe('what a terminal shows', () => {
  it.each([
    ['plain', 'plain'],
    ['\u001b[31mred\u001b[0m\r\n', 'red\n'],
    ['\u001b]0;title\u0007text', 'text'],
    ['\u001b]8;;https://x\u001b\\link', 'link'],
    ['lss\b \b', 'ls'],
    ['a\n\b\bb', 'a\nb'],
    ['😀\b!', '!'],
    ['cut \u001b[3', 'cut '],
    ['\u001b(Bset', 'set'],
    ['nul\u0000\u009b', 'nul'],
  ])('%j', (text, expected) => {
    expect(terminalText(text)).toBe(expected)
  })

  it('takes a megabyte of typing and erasing', () => {
    expect(terminalText(`${'a'.repeat(300_000)}${'b\b'.repeat(350_000)}`)).toBe('a'.repeat(300_000))
    expect(terminalText('\u001b]'.repeat(100_000))).toBe('')
  })
})

describe('tlog', () => {
  const record = (id: number, rec = 'r-1', time = 1795550728 + id): string =>
    JSON.stringify({
      ver: '2.3',
      host: 'h',
      rec,
      user: 'alice',
      term: 'xterm',
      session: 5,
      id,
      pos: id,
      time,
      timing: '>2',
      in_txt: '',
      in_bin: [],
      out_txt: 'ok',
      out_bin: [],
    })

  it('reads every part of the timing', () => {
    expect(readTiming('=80x24+12<3[1/2>45]1/1+5=80x24=132x50')).toEqual({
      durationMs: 17,
      windows: ['80x24', '132x50'],
      inputCharacters: 4,
      outputCharacters: 46,
      inputBinary: 2,
      outputBinary: 1,
    })
    for (const odd of ['x', '+', '=80', '[1', '+1x', '<12345678901']) expect(readTiming(odd)).toBeUndefined()
  })

  it('says where text and timing do not fit each other', () => {
    expect(parseAs('tlog', record(1))?.quality).toEqual([])
    expect(parseAs('tlog', record(1).replace('>2', '>3'))?.quality).toEqual(['tlog-timing'])
  })

  it('declares the messages of a recording that never came, and only those', () => {
    const lines = [
      record(1),
      record(2),
      record(1, 'r-2'),
      record(5),
      record(2, 'r-2'),
      record(6, 'r-1', 1795550800),
    ]
    expect(lossesOf(lines)).toEqual(['serials 3 to 4 of r-1 never came'])
    expect(lossesOf([record(1), record(2), record(3)])).toEqual([])
  })

  function lossesOf(lines: readonly string[]): string[] {
    const raw = Buffer.from(`${lines.join('\n')}\n`)
    const spec = { class: 'ssh', match: [{ when: {}, parse: ['tlog'], dataset: 'decklog.session_io' }] }
    const pipeline = compilePipeline(spec, parsersOnly)
    const batch = batchOf({ firstSeq: 0, count: lines.length, rawBytes: raw.length, marks: ['closed'] })
    const result = processBatch(newStreamState(), batch, { raw, receivedMs: batch.wallTimeMs, pipeline })
    return (result.events?.losses ?? []).map(({ detail }) => detail)
  }
})

describe('snoopy', () => {
  it('lets no directory be taken for the user', () => {
    const draft = parseAs(
      'snoopy',
      '[login:alice sid:1 tty:(none) uid:bob(7)/bob(7) cwd:/tmp/uid:root(0)/ x uid:root(0)]: /bin/id',
    )
    expect(at(draft, 'user.name')).toBe('bob')
    expect(at(draft, 'process.working_directory')).toBe('/tmp/uid:root(0)/ x uid:root(0)')
  })
})

describe('in the journal', () => {
  const inJournal = (name: string, comm: string, identifier: string, message: string) => {
    const draft = newDraft(message)
    draft.fields.process = { name: comm }
    draft.fields.log = { syslog: { appname: identifier } }
    return formatOf(name).parse(message, draft, contextOf()) ? draft : undefined
  }

  it('sftp is read where sshd’s process calls itself internal-sftp', () => {
    const open = 'open "/etc/shadow" flags READ mode 0666'
    expect(at(inJournal('sftp', 'sshd-session', 'internal-sftp', open), 'file.path')).toBe('/etc/shadow')
    expect(inJournal('sftp', 'sshd-session', 'sshd-session', open)).toBeUndefined()
    expect(inJournal('sftp', 'evil', 'internal-sftp', open)).toBeUndefined()
  })

  it('snoopy is read whatever program it writes from', () => {
    const draft = inJournal('snoopy', 'bash', 'snoopy', '[uid:0 sid:1 cwd:/]: /bin/id')
    expect(at(draft, 'process.name')).toBe('id')
    expect(inJournal('snoopy', 'bash', 'bash', '[uid:0 sid:1 cwd:/]: /bin/id')).toBeUndefined()
  })
})
