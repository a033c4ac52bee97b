/** `JSON.parse` that keeps numbers exact: one that a double would change becomes `JSON.rawJSON`, which is written as it was. */
export function parseExactly(text: string): unknown {
  const engine = JSON as unknown as {
    rawJSON?: (text: string) => unknown
    parse: (
      text: string,
      revive: (key: string, value: unknown, context?: { source?: string }) => unknown,
    ) => unknown
  }
  const raw = engine.rawJSON
  if (raw === undefined || !/\d{16}|\d[eE]/u.test(text)) return JSON.parse(text)
  return engine.parse(text, (_key, value, context) =>
    typeof value === 'number' && context?.source !== undefined && !isExact(value, context.source)
      ? raw(context.source)
      : value,
  )
}

function isExact(value: number, source: string): boolean {
  return (
    String(value) === source ||
    (Number.isSafeInteger(value) && /^-?\d+$/u.test(source)) ||
    (!Number.isInteger(value) && source.length < 17)
  )
}
