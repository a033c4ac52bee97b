import { describe, expect, it } from 'vitest'
import { selects } from './building.ts'

describe('values without modifiers', () => {
  it('compare without case, in every script', () => {
    expect(selects('f: PowerShell', { f: 'powershell' })).toBe(true)
    expect(selects('f: ПАРОЛЬ', { f: 'пароль' })).toBe(true)
    expect(selects('f: ΟΔΟΣ', { f: 'οδος' })).toBe(true)
    expect(selects('f|contains: ΑΣ', { f: 'ΚΑΣΑ' })).toBe(true)
  })

  it('compare the whole value', () => {
    expect(selects('f: root', { f: 'rooter' })).toBe(false)
    expect(selects('f: root', { f: ' root' })).toBe(false)
    expect(selects("f: ' a '", { f: ' a ' })).toBe(true)
  })

  it.each([
    ['a*c', 'abbbc', true],
    ['a*c', 'ac', true],
    ['a?c', 'abc', true],
    ['a?c', 'ac', false],
    ['a?c', 'a😀c', true],
    ['a*b*a', 'aba', true],
    ['a*b*a', 'ab', false],
    ['*ab?', 'abab', false],
    ['*ab?', 'ababx', true],
    [String.raw`\*.bak`, '*.bak', true],
    [String.raw`\*.bak`, 'a.bak', false],
    [String.raw`C:\\*\x`, String.raw`C:\any\x`, true],
    [String.raw`C:\Windows`, String.raw`C:\Windows`, true],
    [String.raw`\\*`, String.raw`\share`, true],
    [String.raw`\\\*`, String.raw`\*`, true],
    [String.raw`\\\*`, String.raw`\share`, false],
    [String.raw`\\\\host`, String.raw`\\host`, true],
    ['?class_key=*', '/class_key=1', true],
  ])('understand the wildcards of %s against %s', (pattern, value, expected) => {
    expect(selects(`f: '${pattern}'`, { f: value })).toBe(expected)
  })

  it('compare numbers and booleans with texts that say the same', () => {
    expect(selects('f: 22', { f: 22 })).toBe(true)
    expect(selects('f: 22', { f: '22' })).toBe(true)
    expect(selects("f: '22'", { f: 22 })).toBe(true)
    expect(selects('f: true', { f: true })).toBe(true)
    expect(selects('f: true', { f: 'TRUE' })).toBe(true)
    expect(selects('f: 22', { f: 220 })).toBe(false)
    expect(selects("f|startswith: '22'", { f: 220 })).toBe(true)
  })

  it('tell missing, null and empty apart', () => {
    expect(selects('f: null', {})).toBe(true)
    expect(selects('f: null', { f: null })).toBe(true)
    expect(selects('f: null', { f: '' })).toBe(false)
    expect(selects("f: ''", { f: '' })).toBe(true)
    expect(selects("f: ''", {})).toBe(false)
    expect(selects("f: ['', null]", {})).toBe(true)
  })

  it('take a bare * for "has any value", be it an object', () => {
    expect(selects("f: '*'", { f: { x: 1 } })).toBe(true)
    expect(selects("f: '*'", { f: '' })).toBe(true)
    expect(selects("f: '*'", { f: null })).toBe(false)
  })

  it('find nested fields, fields with dots, and any element of a list', () => {
    expect(selects('a.b.c: x', { a: { b: { c: 'x' } } })).toBe(true)
    expect(selects('a.b.c: x', { 'a.b.c': 'x' })).toBe(true)
    expect(selects('a.b.c: x', { a: { 'b.c': 'x' } })).toBe(true)
    expect(selects('a.b: x', { a: [{ b: 'y' }, { b: ['z', 'x'] }] })).toBe(true)
    expect(selects('a.b: x', { a: { b: 'y' }, 'a.b': 'x' })).toBe(false)
    expect(selects('__proto__: x', { a: 'x' })).toBe(false)
    expect(selects('constructor|exists: true', { a: 'x' })).toBe(false)
  })
})

describe('modifiers', () => {
  it.each([
    ['f|contains: B*D', 'abXde', true],
    ['f|startswith: AB', 'abc', true],
    ['f|endswith: BC', 'abc', true],
    ['f|endswith: b', 'abc', false],
    ['f|contains|all: [a, c]', 'abc', true],
    ['f|contains|all: [a, x]', 'abc', false],
    ['f|cased: Abc', 'abc', false],
    ['f|contains|cased: Ab', 'xAby', true],
    ['f|neq: abc', 'abd', true],
    ['f|neq: [abc, abd]', 'abd', false],
    ["f|re: '^a.c$'", 'abc', true],
    ["f|re: '^A.c$'", 'abc', false],
    ["f|re|i: '^A.c$'", 'abc', true],
    ["f|re: '(?i)^A.c$'", 'abc', true],
    ["f|contains|windash: ' -exec '", 'cmd /exec x', true],
    ["f|contains|windash: ' -exec '", 'cmd –exec x', true],
    ["f|contains|windash: 'a-b'", 'a/b', false],
    ['f|base64: foo', 'Zm9v', true],
    ['f|base64offset|contains: foobar', Buffer.from('x foobar y').toString('base64'), true],
    ['f|base64offset|contains: foobar', Buffer.from('xx foobar y').toString('base64'), true],
    ['f|base64offset|contains: foobar', Buffer.from('xxx foobar y').toString('base64'), true],
    ['f|base64offset|contains: foobar', Buffer.from('xxx foobaz y').toString('base64'), false],
    ['f|wide|base64offset|contains: ping', Buffer.from('a ping b', 'utf16le').toString('base64'), true],
    [
      'f|utf16be|base64offset|contains: ping',
      Buffer.from('a ping b', 'utf16le').swap16().toString('base64'),
      true,
    ],
    ['f|utf16|base64: ab', '//5hAGIA', true],
  ])('%s on %s', (selection, value, expected) => {
    expect(selects(selection, { f: value })).toBe(expected)
  })

  it('compare numbers, also in texts', () => {
    expect(selects('f|gte: 400', { f: 403 })).toBe(true)
    expect(selects('f|gte: 400', { f: '403' })).toBe(true)
    expect(selects('f|lt: 400', { f: 403 })).toBe(false)
    expect(selects('f|gt: 1', { f: 'two' })).toBe(false)
    expect(selects('f|gt: 1', {})).toBe(false)
    expect(selects('f|gt: -1', { f: '' })).toBe(false)
  })

  it('find addresses in networks of both families', () => {
    expect(selects('f|cidr: 10.0.0.0/8', { f: '10.1.2.3' })).toBe(true)
    expect(selects('f|cidr: 10.0.0.0/8', { f: '11.1.2.3' })).toBe(false)
    expect(selects('f|cidr: 10.0.0.0/8', { f: '::ffff:10.1.2.3' })).toBe(true)
    expect(selects('f|cidr: 2001:db8::/32', { f: '2001:DB8::7' })).toBe(true)
    expect(selects('f|cidr: fe80::/10', { f: 'fe80::1%eth0' })).toBe(true)
    expect(selects('f|cidr: 10.0.0.0/8', { f: 'no address' })).toBe(false)
    expect(selects('f|cidr: [192.168.0.0/16, 10.0.0.0/8]', { f: ['203.0.113.1', '10.0.0.1'] })).toBe(true)
  })

  it('ask whether a field exists', () => {
    expect(selects('f|exists: true', { f: 0 })).toBe(true)
    expect(selects('f|exists: true', { f: null })).toBe(false)
    expect(selects('f|exists: false', {})).toBe(true)
  })

  it('compare two fields', () => {
    expect(selects('f|fieldref: g.h', { f: 'A', g: { h: 'a' } })).toBe(true)
    expect(selects('f|fieldref|cased: g.h', { f: 'A', g: { h: 'a' } })).toBe(false)
    expect(selects('f|fieldref|endswith: g', { f: 'abc', g: 'bc' })).toBe(true)
    expect(selects('f|fieldref|neq: g', { f: 'abc', g: 'bc' })).toBe(true)
    expect(selects('f|fieldref: g', { f: 'abc' })).toBe(false)
  })

  it('look at parts of a time in UTC', () => {
    const at = { t: '2026-11-24T23:59:58.123456789+01:00' }
    expect(selects('t|hour: 22', at)).toBe(true)
    expect(selects('t|hour|gte: 22', at)).toBe(true)
    expect(selects('t|minute: 59', at)).toBe(true)
    expect(selects('t|day: 24', at)).toBe(true)
    expect(selects('t|week: 48', at)).toBe(true)
    expect(selects('t|month: 11', at)).toBe(true)
    expect(selects('t|year: 2026', at)).toBe(true)
    expect(selects('t|week: 53', { t: '2027-01-01T00:00:00Z' })).toBe(true)
    expect(selects('t|hour: 1', { t: '01:00' })).toBe(false)
  })
})
