import type { MakeParts } from '../../src/roles/process/parts.ts'
import { parsersOnly } from '../../src/roles/process/parts.ts'

/** Real parsers, but for lines that make the thread throw, die, hang, or end it while a stack trace is closed. */
export const makeParts: MakeParts = async () => ({
  ...parsersOnly,
  payload: {
    ...parsersOnly.payload,
    scan(bytes, start, end, into) {
      const text = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('latin1')
      if (text.includes('"throw"')) throw new Error(`secret: ${text}`)
      if (text.includes('"die"')) process.exit(7)
      if (text.includes('"hang"')) for (;;);
      return parsersOnly.payload.scan(bytes, start, end, into)
    },
  },
  trace: {
    ...parsersOnly.trace,
    describe(trace, text) {
      if (text.includes('poison')) throw new Error('describe')
      return parsersOnly.trace.describe(trace, text)
    },
  },
})
