import type { FormatDefinition } from '../ports/format.ts'

/** Lines of which nothing is known: each is an event, its text the message, its time the batch's. */
export const text: FormatDefinition = {
  name: 'text',
  version: 1,
  kind: 'record',
  title: 'Plain text',
  definedBy: 'nothing: any line',
  dataset: 'decklog.text',
  example: 'cluster-autoscaler: node group ng-1 has 3 of 5 nodes',
  parse: () => true,
}
