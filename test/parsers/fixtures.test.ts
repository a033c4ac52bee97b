import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { formats } from '../../src/parsers/registry.ts'
import { FIXTURES, fixtureFiles, newDraft, contextOf, parseLine, renderDocuments } from './support.ts'

describe('every format', () => {
  it.each([...formats.values()])('$name reads its own example', (format) => {
    const draft = newDraft(format.example)
    expect(format.parse(format.example, draft, contextOf())).toBe(true)
    // Of plain text nothing is known but the text.
    if (format.name !== 'text') expect(Object.keys(draft.fields)).not.toHaveLength(0)
  })

  it.each([...formats.values()])('$name says where its fixtures come from', (format) => {
    expect(existsSync(join(FIXTURES, format.name, 'source.md'))).toBe(true)
  })

  it.each(fixtureFiles())('$name gives the documents that are on file', async (file) => {
    await expect(renderDocuments(file)).toMatchFileSnapshot(file.expected)
  })

  it.each(fixtureFiles())('$name: every event.action is one that the format declares', (file) => {
    const declared = Object.keys(file.format.actions ?? {})
    const found = file.lines.map((line) => parseLine(file.format, line)?.fields.event)
    for (const event of found) {
      const action =
        typeof event === 'object' && event !== null && !Array.isArray(event) ? event.action : undefined
      // A list that ends with … is open: verbs of the API, words of a rule's prefix.
      const isOpen = declared.some((name) => name.endsWith('…'))
      if (typeof action === 'string' && !isOpen) expect(declared).toContain(action)
    }
  })

  it.each(fixtureFiles())('$name: the record can be rebuilt from the document', (file) => {
    for (const line of file.lines) {
      const draft = parseLine(file.format, line)
      if (draft === undefined || draft.quality.includes('secret-removed')) continue
      const decklog = draft.fields.decklog as { header?: string } | undefined
      expect(draft.original ?? `${decklog?.header ?? ''}${draft.message}`).toBe(line)
    }
  })

  it('keeps a fixture of every format that is registered', () => {
    const names = new Set(fixtureFiles().map(({ format }) => format.name))
    expect([...names].sort()).toEqual([...formats.keys()].sort())
    expect(readFileSync(join(FIXTURES, 'sshd', 'captured.log'), 'utf8')).toContain(
      'Accepted publickey for alice',
    )
  })
})
