import type { Receiver, ReceiverOptions } from '../../ports/receiver.ts'
import { type Answer, refusal } from './answer.ts'
import { appendAnswer, fullAnswer } from './append-answer.ts'
import { RateLimit } from './budget.ts'
import {
  healthOf,
  mustPost,
  type PushRequest,
  type ServerTls,
  startPushServer,
  type TakeBody,
} from './push-server.ts'
import { type Split, splitRecords } from './split-records.ts'
import { Tokens } from './tokens.ts'

/** As `config/sources/http.ts` gives it. Times in milliseconds, sizes in bytes. */
export interface HttpConfig {
  readonly split: Split
  readonly listen: { readonly host: string; readonly port: number }
  readonly tls?: ServerTls | undefined
  readonly tokens: Readonly<Record<string, string>>
  readonly paths: Readonly<
    Record<string, { readonly split?: Split | undefined; readonly tokens?: readonly string[] | undefined }>
  >
  readonly bodyMax: number
  readonly unpackedMax: number
  readonly ratioMax: number
  readonly connectionsMax: number
  readonly memoryMax: number
  readonly rateMax: number
  readonly headerTimeout: number
  readonly bodyTimeout: number
  readonly answerTimeout: number
}

const JSON_TYPE = /^application\/([a-z0-9.+-]*\+)?json$/
const LINES_TYPE =
  /^(application\/(x-)?(ndjson|jsonl|json-lines|jsonlines|json-seq|octet-stream)|text\/(plain|x-[a-z]+))$/
/** Paths are provenance, and a stream each: what senders may make up is bounded. */
const PATH_MAX = 256

/** Takes pushes: NDJSON or JSON, with a bearer token. Names of a stream: `sender` (the token's name) and `endpoint` (the path). */
export async function startHttp(options: ReceiverOptions<HttpConfig>): Promise<Receiver> {
  const { config, telemetry } = options
  const door = new Door(options)
  const server = await startPushServer({
    ...config,
    kind: 'http',
    telemetry,
    admit: (request) => door.admit(request),
  })
  return {
    address: server.address,
    problems: () => [],
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
}

/** Who is let in, and what becomes of a body. */
class Door {
  readonly #options: ReceiverOptions<HttpConfig>
  readonly #tokens: Tokens
  readonly #rate: RateLimit

  constructor(options: ReceiverOptions<HttpConfig>) {
    this.#options = options
    this.#tokens = new Tokens(options.config.tokens)
    this.#rate = new RateLimit(options.config.rateMax, options.clock)
  }

  admit(request: PushRequest): Answer | TakeBody {
    const { config, spool } = this.#options
    const early = healthOf(request) ?? mustPost(request)
    if (early !== undefined) return early
    const sender = this.#tokens.nameOf(request.headers.authorization)
    if (sender === undefined) {
      const headers = { 'www-authenticate': 'Bearer' }
      return refusal(401, 'token', 'this takes a bearer token that its configuration names', { headers })
    }
    const place = placeOf(request.path, config.paths)
    if (place === undefined) return refusal(404, 'path', 'nothing is taken under this path')
    if (place.tokens?.includes(sender) === false) {
      return refusal(403, 'token', 'this token may not push under this path')
    }
    const type = contentType(request)
    if (type === 'other') return refusal(415, 'type', 'send application/json or application/x-ndjson')
    const waitSeconds = this.#rate.waitOf(sender)
    if (waitSeconds > 0) {
      return refusal(429, 'rate', 'this sender is over its rate; send it again later', {
        retryAfter: waitSeconds,
      })
    }
    const split = place.split ?? config.split
    const names = { sender, endpoint: request.path }
    return fullAnswer(spool) ?? ((body) => this.#take(body, names, split, type === 'json'))
  }

  async #take(
    body: Buffer,
    names: { readonly sender: string; readonly endpoint: string },
    split: Split,
    isJson: boolean,
  ): Promise<Answer> {
    const { config, spool } = this.#options
    this.#rate.spend(names.sender, body.length)
    const records = splitRecords(body, split, isJson)
    if (records === undefined) return refusal(400, 'json', 'the body is no JSON text, or is torn')
    return appendAnswer(spool, names, records, config.answerTimeout)
  }
}

/** Undefined: the path is not taken. */
function placeOf(path: string, paths: HttpConfig['paths']): HttpConfig['paths'][string] | undefined {
  if (Object.hasOwn(paths, path)) return paths[path]
  const isPath = path.startsWith('/') && path.length <= PATH_MAX
  return Object.keys(paths).length === 0 && isPath ? {} : undefined
}

function contentType({ headers }: PushRequest): 'json' | 'lines' | 'other' {
  const type = (headers['content-type'] ?? '').split(';', 1)[0]!.trim().toLowerCase()
  if (JSON_TYPE.test(type)) return 'json'
  return type === '' || LINES_TYPE.test(type) ? 'lines' : 'other'
}
