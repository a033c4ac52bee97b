/** What a part logs with: pino's shape, so that tests can pass their own. Never log contents, never secrets. */
export interface Log {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}
