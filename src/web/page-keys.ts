import type { KeyAction } from './keys.ts'

/** What the page can be told by a key. */
export interface PageDeeds {
  readonly toQuery: () => void
  readonly step: (by: 1 | -1) => void
  readonly openSelected: () => void
  readonly stepInStream: (by: 1 | -1) => void
  readonly toggleSignals: () => void
  readonly toggleFields: () => void
  readonly toggleLive: () => void
  readonly holdLive: () => void
  readonly leave: () => void
  readonly help: () => void
}

export function pageKeys(deeds: PageDeeds): readonly KeyAction[] {
  return [
    { keys: ['/'], says: 'to the query', run: deeds.toQuery },
    { keys: ['j', 'ArrowDown'], says: 'next event', run: () => deeds.step(1) },
    { keys: ['k', 'ArrowUp'], says: 'previous event', run: () => deeds.step(-1) },
    { keys: ['Enter'], says: 'open the event', run: deeds.openSelected },
    { keys: ['['], says: 'the event before it in its stream', run: () => deeds.stepInStream(-1) },
    { keys: [']'], says: 'the event after it in its stream', run: () => deeds.stepInStream(1) },
    { keys: ['s'], says: 'signals only, or all', run: deeds.toggleSignals },
    { keys: ['f'], says: 'fields and top values', run: deeds.toggleFields },
    { keys: ['l'], says: 'live view on or off', run: deeds.toggleLive },
    { keys: ['p'], says: 'hold the live view, or go on', run: deeds.holdLive },
    { keys: ['Escape'], says: 'close what is open; leave the query', run: deeds.leave },
    { keys: ['?'], says: 'this sheet', run: deeds.help },
  ]
}
