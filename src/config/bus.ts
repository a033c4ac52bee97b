import { z } from 'zod'
import { durationSchema } from './pipelines.ts'
import { pem } from './pem.ts'

const broker = z
  .string()
  .regex(/^(\[[0-9a-fA-F:]+\]|[^:\s/]+):\d{1,5}$/, 'a broker looks like kafka-0.example.com:9092')

const tls = z.union([
  z.literal(true).transform(() => ({})),
  z
    .strictObject({
      ca: pem.optional(),
      /** For brokers that ask for a client certificate. */
      certificate: pem.optional(),
      key: pem.optional(),
      passphrase: z.string().optional(),
      serverName: z.string().optional(),
    })
    .refine(({ certificate, key }) => (certificate === undefined) === (key === undefined), {
      error: 'certificate and key go together',
    }),
])

const sasl = z.union(
  [
    z.strictObject({
      mechanism: z.enum(['plain', 'scram-sha-256', 'scram-sha-512']),
      username: z.string().min(1),
      password: z.string(),
    }),
    z.strictObject({ mechanism: z.literal('oauthbearer'), tokenFile: z.string().min(1) }),
    z.strictObject({
      mechanism: z.literal('oauthbearer'),
      tokenUrl: z.url(),
      clientId: z.string().min(1),
      clientSecret: z.string(),
      scope: z.string().optional(),
    }),
  ],
  {
    error:
      'sasl is { mechanism: plain | scram-sha-256 | scram-sha-512, username, password } or { mechanism: oauthbearer, tokenFile }',
  },
)

const memory = z.strictObject({ kind: z.literal('memory') })

const kafka = z.strictObject({
  kind: z.literal('kafka'),
  brokers: z.array(broker).min(1),
  /** What the brokers' logs and quotas call this process. */
  clientId: z.string().min(1).default('decklog'),
  tls: tls.optional(),
  sasl: sasl.optional(),
  connectTimeout: durationSchema.prefault('5s'),
  requestTimeout: durationSchema.prefault('30s'),
  /** A member that is silent for so long loses its partitions to the others. */
  sessionTimeout: durationSchema.prefault('10s'),
})

/** `bus:` of decklog.yaml. Memory reaches no further than the process. */
export const busSchema = z.discriminatedUnion('kind', [memory, kafka], {
  error: (issue) => (issue.code === 'invalid_union' ? 'kind must be memory or kafka' : undefined),
})
export type BusConfig = z.output<typeof busSchema>
export type KafkaConfig = z.output<typeof kafka>
