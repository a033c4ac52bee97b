/**
 * Thrift's compact protocol, as far as Parquet's metadata needs it: a value is read into a tree and written from one.
 * https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
 */
export type ThriftValue = boolean | number | Uint8Array | ThriftList | ThriftStruct

export interface ThriftList {
  readonly of: number
  readonly items: ThriftValue[]
}

/** By field id. */
export type ThriftStruct = Map<number, ThriftField>

export interface ThriftField {
  readonly type: number
  value: ThriftValue
}

export const Type = {
  true: 1,
  false: 2,
  byte: 3,
  i16: 4,
  i32: 5,
  i64: 6,
  double: 7,
  binary: 8,
  list: 9,
  set: 10,
  struct: 12,
} as const

export const i16 = (value: number): ThriftField => ({ type: Type.i16, value })
export const i32 = (value: number): ThriftField => ({ type: Type.i32, value })
/** Safe integers only. */
export const i64 = (value: number): ThriftField => ({ type: Type.i64, value })
export const binary = (value: Uint8Array | string): ThriftField => ({
  type: Type.binary,
  value: typeof value === 'string' ? Buffer.from(value) : value,
})
export const list = (of: number, items: ThriftValue[]): ThriftField => ({
  type: Type.list,
  value: { of, items },
})
export const struct = (fields: Readonly<Record<number, ThriftField | undefined>>): ThriftStruct => {
  const map: ThriftStruct = new Map()
  for (const [id, field] of Object.entries(fields)) if (field !== undefined) map.set(Number(id), field)
  return map
}
export const nested = (value: ThriftStruct): ThriftField => ({ type: Type.struct, value })

export function writeThrift(root: ThriftStruct): Buffer {
  const out: number[] = []
  const chunks: Buffer[] = []
  const flush = (): void => {
    chunks.push(Buffer.from(out))
    out.length = 0
  }
  const unsigned = (value: number): void => {
    let rest = value
    while (rest >= 128) {
      out.push((rest % 128) | 128)
      rest = Math.floor(rest / 128)
    }
    out.push(rest)
  }
  const signed = (value: number): void => unsigned(value >= 0 ? value * 2 : -value * 2 - 1)
  const write = (type: number, value: ThriftValue): void => {
    if (type === Type.struct) writeStruct(value as ThriftStruct)
    else if (type === Type.list) writeList(value as ThriftList)
    else if (type === Type.binary) {
      const bytes = value as Uint8Array
      unsigned(bytes.byteLength)
      flush()
      chunks.push(Buffer.from(bytes))
    } else if (type === Type.byte) out.push((value as number) & 255)
    else if (type === Type.true || type === Type.false) out.push(value ? 1 : 2)
    else signed(value as number)
  }
  const writeList = ({ of, items }: ThriftList): void => {
    if (items.length < 15) out.push((items.length << 4) | of)
    else {
      out.push(0xf0 | of)
      unsigned(items.length)
    }
    for (const item of items) write(of, item)
  }
  const writeStruct = (fields: ThriftStruct): void => {
    let last = 0
    for (const id of [...fields.keys()].sort((a, b) => a - b)) {
      const { type, value } = fields.get(id)!
      const isFlag = type === Type.true || type === Type.false
      const wire = isFlag ? (value ? Type.true : Type.false) : type
      if (id - last > 0 && id - last <= 15) out.push(((id - last) << 4) | wire)
      else {
        out.push(wire)
        signed(id)
      }
      if (!isFlag) write(type, value)
      last = id
    }
    out.push(0)
  }
  writeStruct(root)
  flush()
  return Buffer.concat(chunks)
}

/** @throws {RangeError} when the bytes end too early, or hold a type that Parquet does not use */
export function readThrift(bytes: Uint8Array): ThriftStruct {
  let at = 0
  const byte = (): number => {
    if (at >= bytes.byteLength) throw new RangeError('metadata ends too early')
    return bytes[at++]!
  }
  const unsigned = (): number => {
    let value = 0
    let scale = 1
    for (;;) {
      const next = byte()
      value += (next & 127) * scale
      if (next < 128) return value
      scale *= 128
    }
  }
  const signed = (): number => {
    const value = unsigned()
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2
  }
  const read = (type: number): ThriftValue => {
    if (type === Type.struct) return readStruct()
    if (type === Type.list || type === Type.set) return readList()
    if (type === Type.true || type === Type.false) return byte() === 1
    if (type === Type.byte) return byte()
    if (type === Type.i16 || type === Type.i32 || type === Type.i64) return signed()
    if (type !== Type.binary) throw new RangeError(`metadata holds type ${type}`)
    const length = unsigned()
    at += length
    return bytes.subarray(at - length, at)
  }
  const readList = (): ThriftList => {
    const head = byte()
    const count = head >> 4 === 15 ? unsigned() : head >> 4
    const of = head & 15
    const items: ThriftValue[] = []
    for (let i = 0; i < count; i++) items.push(read(of))
    return { of, items }
  }
  const readStruct = (): ThriftStruct => {
    const fields: ThriftStruct = new Map()
    let id = 0
    for (let head = byte(); head !== 0; head = byte()) {
      const type = head & 15
      id = head >> 4 === 0 ? signed() : id + (head >> 4)
      const isFlag = type === Type.true || type === Type.false
      fields.set(id, { type, value: isFlag ? type === Type.true : read(type) })
    }
    return fields
  }
  return readStruct()
}
