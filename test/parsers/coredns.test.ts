import { describe, expect, it } from 'vitest'
import { at, parseAs } from './support.ts'

describe('coredns', () => {
  it.each([
    [
      '2019-03-06T08:55:28.903Z [INFO] 172.17.0.4:36413 - 21583 "A IN httpbin.org.cluster.local. udp 43 false 512" NXDOMAIN qr,rd,ra 136 0.000102078s',
      Date.UTC(2019, 2, 6, 8, 55, 28, 903),
    ],
    [
      '2019-03-18T22:13:36.289-07:00 [INFO] [::1]:57413 - 14639 "A IN www.yahoo.com. udp 42 true 4096" NOERROR qr,rd,ra 188 0.020948545s',
      Date.UTC(2019, 2, 19, 5, 13, 36, 289),
    ],
  ])('takes the time stamp that older versions put in front: %s', (line, ms) => {
    const draft = parseAs('coredns', line)
    expect(draft?.timeNs).toBe(BigInt(ms) * 1_000_000n)
    expect(at(draft, 'dns.id')).toMatch(/^\d+$/)
    expect(draft?.message).toBe(line)
  })

  it('says of a day that does not exist that it has no time', () => {
    const draft = parseAs('coredns', '2019-02-30T08:55:28.903Z [INFO] plugin/reload: x')
    expect([draft?.timeNs, draft?.quality]).toEqual([undefined, ['time-invalid']])
  })

  it('lets a name write no fields: its spaces and quotes come escaped', () => {
    const line =
      '[INFO] 10.0.0.1:50 - 9 "A IN x\\"\\032NOERROR\\032qr.evil.example. udp 17 false 512" NXDOMAIN qr,rd 0 1s'
    const draft = parseAs('coredns', line)
    expect(at(draft, 'dns.response_code')).toBe('NXDOMAIN')
    expect(at(draft, 'dns.question.name')).toBe('x\\"\\032NOERROR\\032qr.evil.example')
  })
})
