import { createHash } from 'node:crypto'
import { readdir, readFile, stat } from 'node:fs/promises'
import { stripTypeScriptTypes } from 'node:module'
import { extname, join, relative, sep } from 'node:path'

const TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.ico': 'image/x-icon',
  '.js': 'text/javascript; charset=utf-8',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.ts': 'text/javascript; charset=utf-8',
  '.woff2': 'font/woff2',
}

interface Served {
  readonly body: Uint8Array
  readonly type: string
  readonly etag: string
  readonly changedMs: number
}

/**
 * The files of the page. Only what lies in its directory with a known ending is served: paths are looked up in the list of
 * files and never built from the request. TypeScript is served without its types; `x.ts` and `x.js` name the same file, because
 * a build leaves only the second.
 */
export class StaticFiles {
  readonly #directory: string
  readonly #cache = new Map<string, Served>()
  #paths: ReadonlyMap<string, string> | undefined

  constructor(directory: string) {
    this.#directory = directory
  }

  /** Undefined: there is no such file. */
  async answer(request: Request): Promise<Response | undefined> {
    const path = new URL(request.url).pathname
    const file = await this.#fileOf(path === '/' ? '/index.html' : path)
    if (file === undefined) return undefined
    const served = await this.#read(file)
    if (served === undefined) return undefined
    const headers = { 'content-type': served.type, etag: served.etag, 'cache-control': 'no-cache' }
    if (request.headers.get('if-none-match') === served.etag)
      return new Response(null, { status: 304, headers })
    return new Response(served.body as Uint8Array<ArrayBuffer>, { headers })
  }

  /** A file that is not in the list may have come since it was made: it is made again before the answer is no. */
  async #fileOf(path: string): Promise<string | undefined> {
    const known = lookUp(this.#paths, path)
    if (known !== undefined || TYPES[extname(path)] === undefined) return known
    this.#paths = await listFiles(this.#directory)
    return lookUp(this.#paths, path)
  }

  async #read(file: string): Promise<Served | undefined> {
    try {
      const changedMs = (await stat(file)).mtimeMs
      const cached = this.#cache.get(file)
      if (cached?.changedMs === changedMs) return cached
      const body =
        extname(file) === '.ts'
          ? Buffer.from(withoutTypes(await readFile(file, 'utf8')))
          : await readFile(file)
      const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`
      const served = { body, type: TYPES[extname(file)]!, etag, changedMs }
      this.#cache.set(file, served)
      return served
    } catch (error) {
      if ((error as { code?: unknown }).code === 'ENOENT') return undefined
      throw error
    }
  }
}

function lookUp(paths: ReadonlyMap<string, string> | undefined, path: string): string | undefined {
  return (
    paths?.get(path) ?? paths?.get(path.replace(/\.(ts|js)$/, (ending) => (ending === '.ts' ? '.js' : '.ts')))
  )
}

/** URL path → file, of regular files: links are not followed. */
async function listFiles(directory: string): Promise<ReadonlyMap<string, string>> {
  const paths = new Map<string, string>()
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || TYPES[extname(entry.name)] === undefined || entry.name.endsWith('.d.ts')) continue
    const file = join(entry.parentPath, entry.name)
    paths.set(`/${relative(directory, file).split(sep).join('/')}`, file)
  }
  return paths
}

/** Node says once a process that this function is experimental; that is for us to know, not for who reads decklog's output. */
function withoutTypes(source: string): string {
  const emitWarning: unknown = Reflect.get(process, 'emitWarning')
  process.emitWarning = () => {}
  try {
    return stripTypeScriptTypes(source)
  } finally {
    Reflect.set(process, 'emitWarning', emitWarning)
  }
}
