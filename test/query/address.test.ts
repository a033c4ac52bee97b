import { BlockList, isIP } from 'node:net'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  compareAddresses,
  formatAddress,
  formatNetwork,
  inNetwork,
  parseAddress,
  parseNetwork,
} from '../../src/core/address.ts'

test('what Node takes for an address is one, and nothing else', () => {
  const alike = fc.string({ unit: fc.constantFrom(...'0123456789abcdefF:.'.split('')), maxLength: 20 })
  fc.assert(
    fc.property(fc.oneof(alike, fc.ipV4(), fc.ipV6()), (text) => {
      expect(parseAddress(text) !== undefined).toBe(isIP(text) !== 0)
    }),
    { numRuns: 5_000 },
  )
})

test.each([
  '01.2.3.4',
  '1.2.3.04',
  '256.1.1.1',
  '1.2.3',
  '1.2.3.4.5',
  '1::2::3',
  '1:2:3:4:5:6:7',
  '::1%eth0',
  '12345::',
  '1.2.3.4:80',
  ':',
  '',
])('%j is no address', (text) => {
  expect(parseAddress(text)).toBeUndefined()
})

test.each([
  ['10.0.0.1', '10.0.0.1'],
  ['::', '::'],
  ['::1', '::1'],
  ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
  ['2001:db8:0:1:0:0:0:1', '2001:db8:0:1::1'],
  ['1:0:0:2:0:0:0:3', '1:0:0:2::3'],
  ['1:2:3:4:5:6:7:8', '1:2:3:4:5:6:7:8'],
  ['1:0:2:3:4:5:6:7', '1:0:2:3:4:5:6:7'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['64:ff9b::192.0.2.1', '64:ff9b::c000:201'],
])('%s is written %s', (text, canonical) => {
  expect(formatAddress(parseAddress(text)!)).toBe(canonical)
})

test('a network holds what Node says it holds', () => {
  const v4 = fc.tuple(fc.ipV4(), fc.integer({ min: 0, max: 32 }), fc.ipV4(), fc.constant<'ipv4'>('ipv4'))
  const v6 = fc.tuple(fc.ipV6(), fc.integer({ min: 0, max: 128 }), fc.ipV6(), fc.constant<'ipv6'>('ipv6'))
  fc.assert(
    fc.property(fc.oneof(v4, v6), ([base, bits, other, family]) => {
      fc.pre(family === 'ipv4' || !/^::(ffff:)?\d+\./i.test(base + other))
      const network = parseNetwork(`${base}/${bits}`)
      const [first, second] = [parseAddress(base)!, parseAddress(other)!]
      fc.pre(network !== undefined && first.version === second.version)
      const list = new BlockList()
      list.addSubnet(base, bits, family)
      expect(inNetwork(first, network)).toBe(true)
      expect(inNetwork(second, network)).toBe(list.check(other, family))
      expect(parseNetwork(formatNetwork(network))).toEqual(network)
    }),
    { numRuns: 2_000 },
  )
})

test('what is no network, and the order of addresses', () => {
  for (const text of [
    '10.0.0.0',
    '10.0.0.0/',
    '10.0.0.0/33',
    '::/129',
    '::ffff:10.0.0.0/95',
    'x/8',
    '10.0.0.0/8/8',
    '10.0.0.0/-1',
  ]) {
    expect(parseNetwork(text)).toBeUndefined()
  }
  expect(formatNetwork(parseNetwork('::ffff:10.1.2.3/104')!)).toBe('10.0.0.0/8')
  const sorted = ['255.255.255.255', '9.0.0.1', '::1', '10.0.0.1']
    .map((text) => parseAddress(text)!)
    .sort(compareAddresses)
  expect(sorted.map(formatAddress)).toEqual(['9.0.0.1', '10.0.0.1', '255.255.255.255', '::1'])
})
