export interface ServerSentEvent {
  readonly event: string
  readonly id: string | undefined
  readonly data: string
}

/** Reads server-sent events until `enough` says so, then leaves. */
export async function readEvents(
  url: string,
  enough: (events: readonly ServerSentEvent[]) => boolean,
  headers: Readonly<Record<string, string>> = {},
): Promise<ServerSentEvent[]> {
  const leaving = new AbortController()
  const response = await fetch(url, { headers, signal: leaving.signal })
  const events: ServerSentEvent[] = []
  let rest = ''
  for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
    const blocks = (rest + chunk).split('\n\n')
    rest = blocks.pop()!
    for (const block of blocks) {
      const lines = new Map(
        block.split('\n').map((line) => line.split(/: (.*)/s).slice(0, 2) as [string, string]),
      )
      if (lines.has('event'))
        events.push({ event: lines.get('event')!, id: lines.get('id'), data: lines.get('data') ?? '' })
    }
    if (enough(events)) break
  }
  leaving.abort()
  return events
}
