import { z } from 'zod'
import { sizeSchema } from '../pipelines.ts'
import { className, formatName, isLoopback, listen, receiverFields, serverTls } from './common.ts'

/** What Kubernetes' API servers send (`--audit-webhook-config-file`). */
export const auditWebhookSource = z
  .strictObject({
    kind: z.literal('audit-webhook'),
    ...receiverFields,
    class: className.default('control-plane'),
    format: formatName.default('kube-audit'),
    listen: listen.prefault('127.0.0.1:7711'),
    /** Without it only loopback is listened on. */
    tls: serverTls.optional(),
    /** By name, one for each API server or cluster; the name becomes the provenance name `sender`. */
    tokens: z
      .record(
        z.string().regex(/^[A-Za-z0-9_.-]{1,64}$/),
        z.string().min(8, 'a token has at least 8 characters'),
      )
      .default({}),
    /** kube-apiserver sends at most 400 events, and at most 10 MiB, by default. */
    bodyMax: sizeSchema.prefault('32MiB'),
    unpackedMax: sizeSchema.prefault('64MiB'),
    ratioMax: z.number().int().min(1).max(10_000).default(200),
    connectionsMax: z.number().int().min(1).max(100_000).default(512),
    memoryMax: sizeSchema.prefault('128MiB'),
    /** In milliseconds: blocking mode makes the API wait for the answer. */
    answerTimeoutMs: z.number().int().min(50).max(30_000).default(900),
  })
  .refine(({ listen, tls }) => tls !== undefined || isLoopback(listen.host), {
    path: ['tls'],
    error: 'without tls it listens on loopback only; give it a certificate and a key, or listen on 127.0.0.1',
  })
  .refine(
    ({ listen, tls, tokens }) =>
      isLoopback(listen.host) || tls?.clientCa !== undefined || Object.keys(tokens).length > 0,
    {
      path: ['tokens'],
      error: 'give it tokens, or tls.clientCa: else anybody could write audit events',
    },
  )
