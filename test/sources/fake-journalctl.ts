/**
 * Stands in for journalctl: writes the entries of `$FAKE_JOURNAL/entries.json` in the export format, as systemd documents it, and follows
 * that file. It knows `--cursor`, `--no-tail`, `--lines=0`. As the real one does, it begins with the next entry where a cursor's is gone.
 * `$FAKE_JOURNAL/die-after` ends it after so many entries; what it was called with is in `$FAKE_JOURNAL/calls`.
 */
import { appendFileSync, existsSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

type Field = readonly [name: string, value: string, encoding?: 'base64']

const home = process.env['FAKE_JOURNAL']!
const args = process.argv.slice(2)
appendFileSync(join(home, 'calls'), `${JSON.stringify(args)}\n`)
const cursor = args.find((arg) => arg.startsWith('--cursor='))?.slice('--cursor='.length)
const dieAfter = existsSync(join(home, 'die-after'))
  ? Number(readFileSync(join(home, 'die-after'), 'utf8'))
  : Number.POSITIVE_INFINITY

function entries(): Field[][] {
  return readFileSync(join(home, 'entries.json'), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Field[])
}

function numberOf(text: string): number {
  return Number.parseInt(/;i=([0-9a-f]+)/.exec(text)![1]!, 16)
}

function write(bytes: Buffer): void {
  for (let at = 0; at < bytes.length; ) {
    try {
      at += writeSync(1, bytes, at)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
    }
  }
}

function exported(fields: readonly Field[]): Buffer {
  const parts = fields.map(([name, value, encoding]) => {
    const bytes = Buffer.from(value, encoding ?? 'utf8')
    const isText = encoding === undefined && [...bytes].every((byte) => byte >= 32 || byte === 9)
    if (isText) return Buffer.concat([Buffer.from(`${name}=`), bytes, Buffer.from('\n')])
    const length = Buffer.alloc(8)
    length.writeBigUInt64LE(BigInt(bytes.length))
    return Buffer.concat([Buffer.from(`${name}\n`), length, bytes, Buffer.from('\n')])
  })
  return Buffer.concat([...parts, Buffer.from('\n')])
}

let next = args.includes('--lines=0') ? entries().length : 0
if (cursor !== undefined) {
  const found = entries().findIndex((fields) => numberOf(fields[0]![1]) >= numberOf(cursor))
  next = found === -1 ? entries().length : found
}
let lastNumber = -1
for (let written = 0; ; await sleep(20)) {
  const all = entries()
  // Vacuuming takes entries away at the beginning.
  const from = lastNumber === -1 ? next : all.findIndex((fields) => numberOf(fields[0]![1]) > lastNumber)
  const waiting = from === -1 ? [] : all.slice(from)
  const batch: Buffer[] = []
  for (const fields of waiting) {
    if (written++ >= dieAfter) {
      write(Buffer.concat(batch))
      process.exit(1)
    }
    batch.push(exported(fields))
    lastNumber = numberOf(fields[0]![1])
  }
  if (batch.length > 0) write(Buffer.concat(batch))
  if (process.ppid === 1) process.exit(0)
}
