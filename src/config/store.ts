import { z } from 'zod'
import { durationSchema } from './pipelines.ts'
import { pem } from './pem.ts'

const node = z.url({
  protocol: /^https?$/,
  error: 'a node looks like https://elasticsearch.example.com:9200',
})

const auth = z.union(
  [
    z.strictObject({ user: z.string().min(1), password: z.string() }),
    z.strictObject({ apiKey: z.string().min(1) }),
  ],
  { error: 'auth is { user, password } or { apiKey }, the encoded form' },
)

const duckdb = z.strictObject({ kind: z.literal('duckdb') })

const elasticsearch = z
  .strictObject({
    kind: z.literal('elasticsearch'),
    nodes: z.array(node).default([]),
    cloudId: z.string().optional(),
    auth: auth.optional(),
    tls: z
      .strictObject({
        ca: pem.optional(),
        /** SHA-256 of the authority's certificate, as Elasticsearch prints it at its first start. */
        caFingerprint: z.string().optional(),
        rejectUnauthorized: z.boolean().optional(),
      })
      .optional(),
    requestTimeout: durationSchema.prefault('30s'),
    /** gzip of requests and answers: for networks that are slow or paid for. */
    compression: z.boolean().default(false),
  })
  .refine(({ nodes, cloudId }) => nodes.length > 0 || cloudId !== undefined, {
    error: 'name nodes, e.g. nodes: [https://elasticsearch:9200], or a cloudId',
  })

/** `store:` of decklog.yaml. DuckDB is in the data directory of one process. */
export const storeSchema = z.discriminatedUnion('kind', [duckdb, elasticsearch], {
  error: (issue) => (issue.code === 'invalid_union' ? 'kind must be duckdb or elasticsearch' : undefined),
})
export type StoreConfig = z.output<typeof storeSchema>
export type ElasticsearchConfig = z.output<typeof elasticsearch>
