import { z } from 'zod'
import { pem } from '../pem.ts'
import { durationSchema, sizeSchema } from '../pipelines.ts'

/** What several kinds of source have in common. */

export const className = z
  .string()
  .regex(
    /^[a-z][a-z0-9-]{0,31}$/,
    'a class is lower-case letters, digits and -, e.g. pod, ssh, control-plane',
  )

export const formatName = z.string().regex(/^[a-z][a-z0-9-]{0,63}$/, 'a format is a name from docs/formats')

/** `host:port`; IPv6 in brackets. */
export const listen = z
  .string('an address looks like 127.0.0.1:7700')
  .regex(/^(\[[0-9a-fA-F:]+\]|[^:\s]+):\d{1,5}$/, 'an address looks like 127.0.0.1:7700')
  .transform((text) => {
    const at = text.lastIndexOf(':')
    return { host: text.slice(0, at).replace(/^\[|\]$/g, ''), port: Number(text.slice(at + 1)) }
  })

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)
}

/** A server's certificate; with `clientCa` only clients that have one of that authority are let in. */
export const serverTls = z.strictObject({
  certificate: pem,
  key: pem,
  passphrase: z.string().optional(),
  clientCa: pem.optional(),
  minVersion: z.enum(['TLSv1.2', 'TLSv1.3']).default('TLSv1.2'),
})

/** A receiver's place on disk: what came and is not shipped yet. */
const spool = z
  .strictObject({
    /** Over all streams of the source. When it is full, senders are told to wait. */
    maxBytes: sizeSchema.prefault('1GiB'),
    /** What is shipped goes once its stream was quiet for so long, or its file is full. */
    idleAfter: durationSchema.prefault('5m'),
    /** A stream that was quiet for so long is closed. Should its sender come again, it begins another. */
    closeAfter: durationSchema.prefault('30m'),
    /** Senders (streams) at the same time. */
    streamsMax: z.number().int().min(1).max(100_000).default(10_000),
  })
  .prefault({})

/** Keys that every receiver has beside its own. */
export const receiverFields = {
  /** Tells sources of one kind apart: the provenance name `source`, and the folder of the spool. Default: the kind. */
  name: z
    .string()
    .regex(/^[a-z0-9][a-z0-9_-]{0,62}$/, 'a name is lower-case letters, digits, - and _')
    .optional(),
  spool,
}
