import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { z } from 'zod'
import { parseNetwork, parseAddress } from '../core/address.ts'
import type { EnrichmentSnapshot, GeoFiles, Identity, NodeFacts, PodSpan } from '../core/enrichment.ts'
import { type YamlFile, invalid, parseYamlFile, validate } from './yaml.ts'

const listName = z.string().regex(/^[a-z][a-z0-9-]{0,62}$/, 'a name is lower-case letters, digits and -')

const listSchema = z.strictObject({
  name: listName,
  /** Addresses and networks, e.g. 10.0.0.0/8. */
  networks: z.array(z.string()).default([]),
  /** Beginnings of image names, e.g. registry.example.com/approved. */
  images: z.array(z.string().min(1)).default([]),
  /** A file with more of them, one a line; `#` begins a comment. What is no address is the beginning of an image's name. */
  file: z.string().min(1).optional(),
})

/** `enrichment:` of decklog.yaml. Files are read at start; paths are relative to decklog.yaml. */
export const enrichmentSchema = z.strictObject({
  geoip: z
    .strictObject({
      /** MaxMind's GeoLite2-City, GeoIP2-City or -Country. */
      city: z.string().min(1).optional(),
      asn: z.string().min(1).optional(),
    })
    .prefault({}),
  lists: z.array(listSchema).max(256).default([]),
  /** YAML or CSV: person, full_name, email, os, kubernetes. */
  identities: z.string().min(1).optional(),
  /** Nodes with role, labels and taints: what a `kubernetes` source writes, or by hand. */
  nodes: z.string().min(1).optional(),
  /** Which pod had which address, and when: what a `kubernetes` source writes, a line of JSON each. */
  podHistory: z.string().min(1).optional(),
})

export type EnrichmentConfig = z.output<typeof enrichmentSchema>

/** Lines of the pod history that are kept: the newest. */
const PODS_MAX = 200_000

/** @throws {DecklogError} `config-invalid` with file, line and what to write instead */
export function loadSnapshot(config: EnrichmentConfig, configPath?: string): EnrichmentSnapshot {
  const base = configPath === undefined ? process.cwd() : dirname(resolve(configPath))
  const at = (path: string): string => resolve(base, path)
  const parts = {
    lists: config.lists.map(({ name, networks, images, file }) => {
      const more = file === undefined ? [] : linesOf(at(file))
      const all = [...networks, ...more.filter(isNetwork)]
      for (const network of networks)
        if (!isNetwork(network))
          throw invalid(
            configPath ?? 'defaults',
            1,
            `list ${name}: "${network}" is no address or network; write 10.0.0.1 or 10.0.0.0/8`,
          )
      return { name, networks: all, images: [...images, ...more.filter((line) => !isNetwork(line))] }
    }),
    identities: config.identities === undefined ? [] : readIdentities(at(config.identities)),
    nodes: config.nodes === undefined || !existsSync(at(config.nodes)) ? {} : readNodes(at(config.nodes)),
    pods: config.podHistory === undefined ? [] : readPods(at(config.podHistory)),
  }
  const hash = createHash('sha256').update(JSON.stringify(parts))
  const geo: GeoFiles = {
    ...geoFile('city', config.geoip.city, at, hash),
    ...geoFile('asn', config.geoip.asn, at, hash),
  }
  return { id: hash.digest('hex').slice(0, 12), ...parts, geo }
}

function isNetwork(text: string): boolean {
  return text.includes('/') ? parseNetwork(text) !== undefined : parseAddress(text) !== undefined
}

function linesOf(path: string): string[] {
  return read(path)
    .toString('utf8')
    .split('\n')
    .map((line) => line.replace(/#.*$/, '').trim())
    .filter((line) => line !== '')
}

/** In memory that all worker threads share. */
function geoFile(
  name: keyof GeoFiles,
  path: string | undefined,
  at: (path: string) => string,
  hash: ReturnType<typeof createHash>,
): GeoFiles {
  if (path === undefined) return {}
  const bytes = read(at(path))
  // Where MaxMind's files have their description: at the end.
  if (bytes.lastIndexOf('\xab\xcd\xefMaxMind.com', undefined, 'latin1') < 0)
    throw invalid(at(path), 1, 'it is none of MaxMind’s files; name a .mmdb file')
  hash.update(name).update(bytes)
  const shared = new Uint8Array(new SharedArrayBuffer(bytes.length))
  shared.set(bytes)
  return { [name]: shared }
}

function read(path: string): Buffer {
  try {
    return readFileSync(path)
  } catch {
    throw invalid(path, 1, 'it cannot be read; name a file that this user may read')
  }
}

const names = z.union([z.string().transform((name) => [name]), z.array(z.string())]).default([])
const identitySchema = z.strictObject({
  person: z.string().min(1),
  full_name: z.string().optional(),
  email: z.string().optional(),
  os: names,
  kubernetes: names,
})

function readIdentities(path: string): Identity[] {
  const found = path.endsWith('.csv')
    ? identitiesOfCsv(path)
    : validate(z.array(identitySchema), parseYamlFile(path))
  return found.map(({ person, full_name: fullName, email, os, kubernetes }) => ({
    person,
    ...(fullName === undefined ? {} : { fullName }),
    ...(email === undefined ? {} : { email }),
    os,
    kubernetes,
  }))
}

/** Columns by their header; several names in one cell are separated by spaces. No quotes: none of it needs a comma. */
function identitiesOfCsv(path: string): z.output<typeof identitySchema>[] {
  const [header = '', ...rows] = read(path)
    .toString('utf8')
    .split(/\r?\n/)
    .filter((line) => line.trim() !== '')
  const columns = header.split(',').map((name) => name.trim())
  if (!columns.includes('person'))
    throw invalid(path, 1, 'there is no column "person"; the first line names the columns')
  return rows.map((row) => {
    const cells = row.split(',').map((cell) => cell.trim())
    const cell = (name: string): string => cells[columns.indexOf(name)] ?? ''
    const many = (name: string): string[] =>
      cell(name)
        .split(/\s+/)
        .filter((one) => one !== '')
    return {
      person: cell('person'),
      full_name: cell('full_name') || undefined,
      email: cell('email') || undefined,
      os: many('os'),
      kubernetes: many('kubernetes'),
    }
  })
}

const nodeSchema = z.record(
  z.string(),
  z.object({
    roles: z.array(z.string()).default([]),
    labels: z.record(z.string(), z.string()).default({}),
    taints: z.array(z.string()).default([]),
    unschedulable: z.boolean().optional(),
  }),
)

function readNodes(path: string): Record<string, NodeFacts> {
  const file: YamlFile = parseYamlFile(path)
  return Object.fromEntries(
    Object.entries(validate(nodeSchema, file)).map(([name, { unschedulable, ...facts }]) => [
      name,
      unschedulable === undefined ? facts : { ...facts, unschedulable },
    ]),
  )
}

/** A line that was being written when its writer died is left out. */
function readPods(path: string): PodSpan[] {
  if (!existsSync(path)) return []
  const byKey = new Map<string, PodSpan>()
  for (const line of read(path).toString('utf8').split('\n')) {
    const span = line === '' ? undefined : spanOf(line)
    if (span === undefined) continue
    const key = `${span.uid} ${span.ip}`
    byKey.delete(key)
    byKey.set(key, span)
  }
  return [...byKey.values()].slice(-PODS_MAX)
}

function spanOf(line: string): PodSpan | undefined {
  try {
    const span = JSON.parse(line) as PodSpan
    return typeof span.ip === 'string' && typeof span.fromMs === 'number' && typeof span.uid === 'string'
      ? span
      : undefined
  } catch {
    return undefined
  }
}
