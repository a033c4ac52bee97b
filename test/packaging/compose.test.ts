import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { composeProblems } from '../support/compose.ts'

const ROOT = resolve(import.meta.dirname, '../..')
const read = (name: string): string => readFileSync(join(ROOT, name), 'utf8')
const files = readdirSync(ROOT).filter((name) => /^(docker-)?compose.*\.ya?ml$/.test(name))

interface Service {
  readonly image: string
  readonly command?: readonly string[]
  readonly read_only?: boolean
  readonly cap_drop?: readonly string[]
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>
  readonly volumes?: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
  readonly healthcheck?: { readonly test?: readonly string[] }
  readonly ports?: readonly string[]
}

function servicesOf(file: string): Readonly<Record<string, Service>> {
  return (parse(read(file), { merge: true }) as { services: Record<string, Service> }).services
}

describe('compose files', () => {
  test('there are two: many machines, and one', () => {
    expect(files.sort()).toEqual(['docker-compose.single.yml', 'docker-compose.yml'])
  })

  describe.each(files)('%s', (file) => {
    const services = servicesOf(file)
    const ours = Object.values(services).filter(({ image }) => image === 'decklog')

    test('is valid by the Compose specification', () => {
      expect(composeProblems(read(file))).toEqual([])
    })

    test('waits only for services that it has', () => {
      const wanted = Object.values(services).flatMap(({ depends_on }) => Object.keys(depends_on ?? {}))
      for (const name of wanted) expect(services).toHaveProperty(name)
    })

    test('mounts only files that are there', () => {
      const mounted = Object.values(services).flatMap(({ volumes = [] }) => volumes)
      for (const source of mounted.map((one) => one.split(':')[0]!).filter((one) => one.startsWith('./')))
        expect(existsSync(join(ROOT, source)), source).toBe(true)
    })

    test('gives decklog no rights that it does not need', () => {
      expect(ours.length).toBeGreaterThan(0)
      for (const one of ours) expect(one).toMatchObject({ read_only: true, cap_drop: ['ALL'] })
    })

    test('publishes on loopback only', () => {
      const ports = Object.values(services).flatMap((one) => one.ports ?? [])
      for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:/)
    })
  })

  test('every variable that the configuration wants is given to every role', () => {
    const wanted = [...read('deploy/compose/decklog.yaml').matchAll(/\$\{env:([A-Z_]+)\}/g)].map(
      ([, name]) => name!,
    )
    expect(wanted.length).toBeGreaterThan(3)
    const ours = Object.entries(servicesOf('docker-compose.yml')).filter(
      ([, { image }]) => image === 'decklog',
    )
    for (const [name, { environment = {} }] of ours)
      for (const variable of wanted) expect(environment, name).toHaveProperty(variable)
  })

  test('brokers and Elasticsearch tell when they are healthy', () => {
    const { kafka, elasticsearch, kibana } = servicesOf('docker-compose.yml')
    for (const one of [kafka, elasticsearch, kibana]) expect(one?.healthcheck?.test?.[0]).toBe('CMD')
  })

  test.each([
    ['an unknown key', 'services: { a: { imag: x } }', '/services/a/imag'],
    [
      'a condition that is none',
      'services: { a: { depends_on: { b: { condition: healthy } } } }',
      '/depends_on',
    ],
    ['a list that is none', 'services: { a: { image: x, ports: {} } }', '/ports'],
    ['a misspelt health check', 'services: { a: { healthcheck: { intervall: 5s } } }', '/intervall'],
    ['a service that is a list', 'services: { a: [x] }', '/services/a'],
  ])('the check finds %s', (_, text, where) => {
    expect(composeProblems(text).join()).toContain(where)
  })
})

describe('deploy/Dockerfile', () => {
  const lines = read('deploy/Dockerfile').split('\n')
  const last = lines.slice(lines.findLastIndex((line) => line.startsWith('FROM ')))

  test('copies only what is there, and what .dockerignore lets through', () => {
    const allowed = read('.dockerignore')
      .split('\n')
      .filter((line) => line.startsWith('!'))
    const copied = lines
      .filter((line) => line.startsWith('COPY ') && !line.includes('--from='))
      .flatMap((line) => line.split(' ').slice(1, -1))
    expect(copied.length).toBeGreaterThan(8)
    for (const name of copied) {
      expect(existsSync(join(ROOT, name)), name).toBe(true)
      expect(allowed, name).toContain(`!${name}`)
    }
  })

  test('ends as a user that is not root, with a health check', () => {
    expect(last.find((line) => line.startsWith('USER '))).toMatch(/^USER [1-9]\d*:/)
    expect(last.some((line) => line.startsWith('HEALTHCHECK '))).toBe(true)
  })

  test('holds what the package holds', () => {
    const { files: packed } = JSON.parse(read('package.json')) as { files: string[] }
    const inside = last.filter((line) => line.startsWith('COPY ')).map((line) => line.split(' ').at(-1))
    for (const name of packed.filter((one) => !one.includes('.'))) expect(inside).toContain(name)
  })
})
