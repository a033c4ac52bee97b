import { accessSync, constants, existsSync, mkdirSync, statSync, writeFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { basename, dirname, join, resolve } from 'node:path'
import { DecklogError, systemCode } from '../core/errors.ts'
import { type Config, isReceiver, type SourceConfig } from '../config/config.ts'
import { nameOf, type ReceiverConfig } from '../config/sources/registry.ts'
import type { Pipelines } from '../config/pipelines.ts'
import { isHeld } from '../store/duckdb/lock.ts'
import { classesOf, listensAt, spoolsLeftBehind, warningOf } from './receivers.ts'
import { layoutOf } from './places.ts'

/** Something that would keep decklog from working as configured, found without starting anything. */
export interface Problem {
  /** `error`: it would not start (or not read a source). `warning`: it starts, but somebody should look. */
  readonly severity: 'error' | 'warning'
  /** One sentence: where, what, what to do. */
  readonly message: string
  /** 2 configuration, 3 surroundings. */
  readonly exitStatus: 2 | 3
}

/** All that can be seen at once; `up` refuses what `check` finds, by this one list. */
export async function findProblems(
  config: Config,
  sources: readonly SourceConfig[],
  pipelines: Pipelines,
): Promise<Problem[]> {
  return [
    ...sourceProblems(config, sources, pipelines),
    ...dataDirectoryProblems(config),
    ...leftBehindProblems(config, sources),
    ...(await addressProblems(config, config.http.listen, ['http', 'listen'])),
    ...(await receiverAddressProblems(config, sources)),
    ...heldProblems(config),
  ]
}

/** @throws {DecklogError} with all errors, a sentence a line; warnings are for `check` */
export async function refuseProblems(
  config: Config,
  sources: readonly SourceConfig[],
  pipelines: Pipelines,
): Promise<void> {
  const problems = await findProblems(config, sources, pipelines)
  const errors = problems.filter((problem) => problem.severity === 'error')
  if (errors.length === 0) return
  const code = errors.some((problem) => problem.exitStatus === 2) ? 'config-invalid' : 'unreachable'
  throw new DecklogError(code, errors.map((problem) => problem.message).join('\n'))
}

/** Problems with classes and sources, in the order of the file. */
function sourceProblems(config: Config, sources: readonly SourceConfig[], pipelines: Pipelines): Problem[] {
  return sources.flatMap((source, i) => [
    ...classProblems(config, source, i, pipelines),
    ...(source.kind === 'pods' ? podsProblems(config, source.path, i) : []),
    ...(source.kind === 'file' ? source.paths.flatMap((path, k) => fileProblems(config, path, i, k)) : []),
    ...(isReceiver(source)
      ? [...nameProblems(config, source, i, sources), ...openProblems(config, source, i)]
      : []),
  ])
}

function classProblems(config: Config, source: SourceConfig, i: number, pipelines: Pipelines): Problem[] {
  const known = pipelines.classes.map((pipeline) => pipeline.class)
  const asked = isReceiver(source) ? classesOf(source) : [source.class]
  return asked
    .filter((name) => !known.includes(name))
    .map((name) => {
      const at = config.at(['sources', i, 'class'])
      const message = `${at}: no pipeline has the class "${name}"; use one of ${known.join(', ')}, or add ${join(pipelines.directory, `${name}.yaml`)}`
      return { severity: 'error', message, exitStatus: 2 }
    })
}

/** Two of a name would write to one spool. */
function nameProblems(
  config: Config,
  source: ReceiverConfig,
  i: number,
  sources: readonly SourceConfig[],
): Problem[] {
  const name = nameOf(source)
  const isTwice = sources.slice(0, i).some((other) => isReceiver(other) && nameOf(other) === name)
  if (!isTwice) return []
  const at = config.at(['sources', i])
  return [error(`${at}: another source has the name "${name}" already; give this one a name of its own`, 2)]
}

function podsProblems(config: Config, path: string, i: number): Problem[] {
  const at = config.at(['sources', i, 'path'])
  if (!existsSync(path))
    return [error(`${at}: ${path} does not exist; name the folder with <namespace>_<pod>_<uid> in it`, 2)]
  if (!statSync(path).isDirectory())
    return [error(`${at}: ${path} is a file; name the folder with <namespace>_<pod>_<uid> in it`, 2)]
  return readable(path, constants.R_OK | constants.X_OK)
    ? []
    : [error(`${at}: ${path} may not be read by this user; run as root or give DAC_READ_SEARCH`, 3)]
}

/** A file may come later, its folder may not. */
function fileProblems(config: Config, path: string, i: number, k: number): Problem[] {
  const at = config.at(['sources', i, 'paths', k])
  const folder = dirname(path)
  if (folder.includes('*')) return []
  if (!existsSync(folder))
    return [error(`${at}: the folder ${folder} does not exist; correct the path or create it`, 2)]
  if (basename(path).includes('*')) return []
  if (!existsSync(path))
    return [
      {
        severity: 'warning',
        message: `${at}: ${path} does not exist yet; it is read as soon as it does`,
        exitStatus: 2,
      },
    ]
  if (statSync(path).isDirectory())
    return [error(`${at}: ${path} is a folder; name files, e.g. ${join(path, '*.log')}`, 2)]
  return readable(path, constants.R_OK)
    ? []
    : [
        error(
          `${at}: ${path} may not be read by this user; add the user to its group (often adm) or run as root`,
          3,
        ),
      ]
}

function openProblems(config: Config, source: ReceiverConfig, i: number): Problem[] {
  const warning = warningOf(source)
  if (warning === undefined) return []
  return [{ severity: 'warning', message: `${config.at(['sources', i])}: ${warning}`, exitStatus: 2 }]
}

function leftBehindProblems(config: Config, sources: readonly SourceConfig[]): Problem[] {
  const directory = layoutOf(resolve(config.dataDir)).spool
  return spoolsLeftBehind(directory, sources).map((path) => ({
    severity: 'warning',
    message: `${path} holds records of a source that is not configured any more: they are not shipped; bring the source back until it is empty, or remove the folder`,
    exitStatus: 2,
  }))
}

/** Can the data directory be made and written to? */
function dataDirectoryProblems(config: Config): Problem[] {
  const { dataDir } = config
  const at = config.at(['dataDir'])
  const probe = join(dataDir, `.probe-${process.pid}`)
  const fresh = !existsSync(dataDir)
  try {
    mkdirSync(dataDir, { recursive: true })
    writeFileSync(probe, '')
    rmSync(probe)
    if (fresh) rmSync(dataDir, { recursive: true })
    return []
  } catch (cause) {
    const code = reasonOf(dataDir, cause)
    const why =
      code === 'EEXIST' || code === 'ENOTDIR'
        ? 'is not a folder'
        : code === 'EROFS'
          ? 'is on a read-only file system'
          : `cannot be written to (${code ?? 'unknown error'})`
    return [
      error(
        `${at}: the data directory ${dataDir} ${why}; set dataDir or --data to a folder that this user may write`,
        3,
      ),
    ]
  }
}

/** Does another decklog write there? */
function heldProblems(config: Config): Problem[] {
  if (!isHeld(layoutOf(resolve(config.dataDir)).store)) return []
  const at = config.at(['dataDir'])
  return [
    error(
      `${at}: the data directory ${config.dataDir} is held by a running decklog; stop it, or set dataDir or --data to another folder`,
      3,
    ),
  ]
}

/** Making folders below a read-only file system fails with ENOENT in Node: the nearest folder that exists says why. */
function reasonOf(dataDir: string, cause: unknown): string | undefined {
  const code = systemCode(cause)
  if (code !== 'ENOENT') return code
  let folder = resolve(dataDir)
  while (!existsSync(folder)) folder = dirname(folder)
  try {
    accessSync(folder, constants.W_OK)
    return code
  } catch (denied) {
    return systemCode(denied)
  }
}

async function receiverAddressProblems(config: Config, sources: readonly SourceConfig[]): Promise<Problem[]> {
  const found: Problem[] = []
  for (const [i, source] of sources.entries()) {
    const address = isReceiver(source) ? listensAt(source) : undefined
    if (address !== undefined) {
      found.push(...(await addressProblems(config, address, ['sources', i, 'listen'])))
    }
  }
  return found
}

/** Is the address free? Port 0 always is. */
async function addressProblems(
  config: Config,
  { host, port }: { readonly host: string; readonly port: number },
  key: readonly (string | number)[],
): Promise<Problem[]> {
  const code = await new Promise<string | undefined>((resolve) => {
    const server = createServer()
    server.once('error', (cause) => resolve(systemCode(cause) ?? 'unknown'))
    server.listen(port, host, () => server.close(() => resolve(undefined)))
  })
  if (code === undefined) return []
  const at = config.at(key)
  const why = code === 'EADDRINUSE' ? 'is in use by another program' : `cannot be listened on (${code})`
  return [
    error(
      `${at}: ${host}:${port} ${why}; set ${key.at(0) === 'http' ? 'http.listen' : 'its listen'} to a free address, e.g. 127.0.0.1:7701`,
      3,
    ),
  ]
}

function readable(path: string, mode: number): boolean {
  try {
    accessSync(path, mode)
    return true
  } catch {
    return false
  }
}

function error(message: string, exitStatus: 2 | 3): Problem {
  return { severity: 'error', message, exitStatus }
}
