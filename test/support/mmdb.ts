/** Writes a small file in MaxMind's format 2.0, record size 32, IPv6 tree with IPv4 below ::/96. Enough for tests. */
type Value = string | number | { readonly [name: string]: Value } | readonly Value[]

export interface MmdbEntry {
  /** IPv4 network. */
  readonly network: string
  readonly data: Value
}

interface Node {
  children: [Node | number | undefined, Node | number | undefined]
}

export function mmdbOf(type: string, entries: readonly MmdbEntry[]): Buffer {
  const root: Node = { children: [undefined, undefined] }
  const datas: Buffer[] = []
  let dataSize = 0
  for (const { network, data } of entries) {
    const [address = '', bits = '32'] = network.split('/')
    const value = address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0)
    const path = '0'.repeat(96) + value.toString(2).padStart(32, '0').slice(0, Number(bits))
    let at = root
    for (const bit of path.slice(0, -1)) {
      const side = Number(bit)
      const next = at.children[side]
      if (typeof next === 'object') at = next
      else {
        const made: Node = { children: [undefined, undefined] }
        at.children[side] = made
        at = made
      }
    }
    at.children[Number(path.at(-1))] = dataSize
    const encoded = encode(data)
    datas.push(encoded)
    dataSize += encoded.length
  }
  const nodes: Node[] = [root]
  for (const node of nodes)
    for (const child of node.children) if (typeof child === 'object') nodes.push(child)
  const tree = Buffer.alloc(nodes.length * 8)
  for (const [at, node] of nodes.entries()) {
    for (const [side, child] of node.children.entries()) {
      const record =
        child === undefined
          ? nodes.length
          : typeof child === 'number'
            ? nodes.length + 16 + child
            : nodes.indexOf(child)
      tree.writeUInt32BE(record, at * 8 + side * 4)
    }
  }
  const metadata = encode({
    binary_format_major_version: 2,
    binary_format_minor_version: 0,
    build_epoch: 1_700_000_000,
    database_type: type,
    description: { en: 'test' },
    ip_version: 6,
    languages: ['en'],
    node_count: nodes.length,
    record_size: 32,
  })
  return Buffer.concat([
    tree,
    Buffer.alloc(16),
    ...datas,
    Buffer.from('\xab\xcd\xefMaxMind.com', 'latin1'),
    metadata,
  ])
}

function encode(value: Value): Buffer {
  if (typeof value === 'string')
    return Buffer.concat([control(2, Buffer.byteLength(value)), Buffer.from(value)])
  if (typeof value === 'number') {
    if (!Number.isInteger(value)) {
      const bytes = Buffer.alloc(8)
      bytes.writeDoubleBE(value)
      return Buffer.concat([control(3, 8), bytes])
    }
    const bytes = Buffer.alloc(4)
    bytes.writeUInt32BE(value)
    return Buffer.concat([control(6, 4), bytes])
  }
  if (Array.isArray(value)) {
    const list = value as readonly Value[]
    return Buffer.concat([control(11, list.length), ...list.map(encode)])
  }
  const members = Object.entries(value)
  return Buffer.concat([
    control(7, members.length),
    ...members.flatMap(([name, one]) => [encode(name), encode(one)]),
  ])
}

function control(type: number, size: number): Buffer {
  const isExtended = type > 7
  const first = ((isExtended ? 0 : type) << 5) | Math.min(size, 29)
  const bytes = [first]
  if (isExtended) bytes.push(type - 7)
  if (size >= 29) bytes.push(size - 29)
  return Buffer.from(bytes)
}
