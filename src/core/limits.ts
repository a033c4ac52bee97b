/** Bounds that several parts must agree on. Bytes unless the name says otherwise. */

/** Raw bytes of one batch at most. 256 KiB: larger ones gain nothing on the bus and cost latency (measured). */
export const BATCH_BYTES_MAX = 256 * 1024
/** One event's text at most: what is longer is cut in the document (raw bytes stay whole), and tagged `truncated`. */
export const EVENT_TEXT_BYTES_MAX = 1024 * 1024
/** What one stream may keep unfinished. */
export const CARRY_STREAM_BYTES_MAX = 1024 * 1024
/** What one role may keep unfinished over all its streams. */
export const CARRY_ROLE_BYTES_MAX = 32 * 1024 * 1024
/** Carries are closed where `RawBatch.streamOffset` crosses a multiple of this, so that the window of open batches moves. */
export const CARRY_SPAN_BYTES_MAX = 4 * 1024 * 1024
/** Readers end what a stream has begun when the bus got another message of its partition so much later (milliseconds). */
export const CARRY_AGE_MS = 60_000
/** After so long without a batch a shipper marks the pause before it goes on, so that readers who ended it agree with all others. */
export const PAUSE_MARK_MS = 30_000
/** What one stream may have published and not yet settled: larger than the span, so that the window always moves. */
export const OPEN_STREAM_BYTES_MAX = 8 * 1024 * 1024
/** Depth to which JSON of a payload is read into fields; deeper is kept as text. */
export const JSON_DEPTH_MAX = 64
