import { z } from 'zod'
import { className, formatName, receiverFields } from './common.ts'

const place = z.union([
  className.transform((name) => ({ class: name })),
  z.strictObject({ class: className, format: formatName.optional() }),
])

/** systemd's journal, by `journalctl -o export`. */
export const journaldSource = z.strictObject({
  kind: z.literal('journald'),
  ...receiverFields,
  class: className.default('node'),
  format: formatName.default('journald'),
  /** Streams of their own: by unit, or by syslog identifier for what has none (`sudo`, `kernel`). */
  units: z.record(z.string().min(1).max(256), place).default({}),
  /** Only these units, identifiers and priorities (0 emergency … 7 debug). Default: all. */
  only: z
    .strictObject({
      units: z.array(z.string().min(1)).default([]),
      identifiers: z.array(z.string().min(1)).default([]),
      priority: z.number().int().min(0).max(7).optional(),
    })
    .prefault({}),
  /** Where the journal is, for a container that has the host's. */
  directory: z.string().optional(),
  journalctl: z.string().min(1).default('journalctl'),
  /** At first sight: `all` that the journal holds, or what comes `now`. */
  from: z.enum(['all', 'now']).default('all'),
})
