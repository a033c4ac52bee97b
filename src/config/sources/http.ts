import { z } from 'zod'
import { durationSchema, sizeSchema } from '../pipelines.ts'
import { className, formatName, listen, receiverFields, serverTls } from './common.ts'

const path = z
  .string()
  .regex(/^\/[A-Za-z0-9._~/-]{0,254}$/, 'a path begins with / and has letters, digits, . _ ~ - and /')

/**
 * `auto`: JSON (by its content type) is one record, anything else a record a line. `lines`: each line is a record. `array`: the elements
 * of a JSON array, or of the only array of an object such as `{"events": […]}`. `none`: each request is one record.
 */
const split = z.enum(['auto', 'lines', 'array', 'none'])

const place = z.strictObject({
  class: className.optional(),
  format: formatName.optional(),
  split: split.optional(),
  /** Which tokens may push here, by name. Default: all. */
  tokens: z.array(z.string()).min(1).optional(),
})

/** Pushes over HTTP, with a bearer token. */
export const httpSource = z.strictObject({
  kind: z.literal('http'),
  ...receiverFields,
  class: className,
  format: formatName.default('json'),
  split: split.default('auto'),
  listen: listen.prefault('127.0.0.1:7710'),
  tls: serverTls.optional(),
  /** By name: the name becomes the provenance name `sender`. */
  tokens: z
    .record(
      z.string().regex(/^[A-Za-z0-9_.-]{1,64}$/),
      z.string().min(8, 'a token has at least 8 characters'),
    )
    .refine(
      (tokens) => Object.keys(tokens).length > 0,
      'name at least one token, e.g. { falco: "${file:/path}" }',
    ),
  /** Paths that are taken; without any: all of them. */
  paths: z.record(path, place).default({}),
  /** A request's body as it comes over the wire, and unpacked. */
  bodyMax: sizeSchema.prefault('8MiB'),
  unpackedMax: sizeSchema.prefault('32MiB'),
  /** Unpacked bytes for each packed one, above 1 MiB. */
  ratioMax: z.number().int().min(1).max(10_000).default(200),
  connectionsMax: z.number().int().min(1).max(100_000).default(512),
  /** Bodies in memory, over all requests; beyond, senders are told to wait. */
  memoryMax: sizeSchema.prefault('128MiB'),
  /** For each token. */
  rateMax: sizeSchema.prefault('32MiB'),
  headerTimeout: durationSchema.prefault('10s'),
  bodyTimeout: durationSchema.prefault('30s'),
  /** A request that is not on disk after so long is answered 503; its records may come twice then. */
  answerTimeout: durationSchema.prefault('10s'),
})
