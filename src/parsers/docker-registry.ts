import type { Draft, JsonObject } from '../core/document.ts'
import { type FormatContext, type FormatDefinition, OTHERS_MAX } from '../ports/format.ts'
import { note } from './support/document.ts'
import { readAccess } from './support/docker-registry-access.ts'
import { putLog } from './support/docker-registry-log.ts'
import { putNotification } from './support/docker-registry-notification.ts'
import { another, copyOf, keepJson, objectsOf, putTime, readObject, str } from './support/json-record.ts'
import { readLogrus } from './support/logrus-text.ts'

/**
 * What Docker's registry (distribution) sends and writes:
 *
 *     {"events":[{"id","timestamp","action":"push","target":{…},"request":{…},"actor":{…},"source":{…}},…]}     notifications
 *     time="…" level=info msg="response completed" http.request.method=GET …                                     log, text
 *     {"level":"info","msg":"response completed","http.request.method":"GET",…,"time":"…"}                       log, json
 *     10.0.0.7 - - [24/Nov/2026:08:00:00 +0000] "GET /v2/ HTTP/1.1" 200 2 "" "containerd/v2.1"                    access log
 */
export const dockerRegistry: FormatDefinition = {
  name: 'docker-registry',
  version: 1,
  kind: 'payload',
  isDocument: true,
  title: 'Docker registry (distribution): notifications and logs',
  definedBy:
    'distribution/distribution: notifications/event.go, internal/dcontext/http.go, registry/handlers/app.go; sirupsen/logrus: text_formatter.go',
  dataset: 'decklog.registry',
  example:
    '{"events":[{"id":"320678d8-ca14-430f-8bb6-4ca139cd83f7","timestamp":"2026-11-24T08:00:00.402973972Z","action":"pull","target":{"mediaType":"application/vnd.docker.distribution.manifest.v2+json","size":708,"digest":"sha256:fea8895f450959fa676bcc1df0611ea93823a735a01205fd8622846041d0c7cf","length":708,"repository":"shop/web","url":"https://registry.example.com/v2/shop/web/manifests/sha256:fea8895f450959fa676bcc1df0611ea93823a735a01205fd8622846041d0c7cf","tag":"1.4.2"},"request":{"id":"6df24a34-0959-4923-81ca-14f09767db19","addr":"192.168.64.11:42961","host":"registry.example.com","method":"GET","useragent":"containerd/v2.1.4"},"actor":{"name":"ci"},"source":{"addr":"registry-1:5000","instanceID":"a53db899-3b4b-4a62-a067-8dd013beaca4"}}]}',
  remarks: [
    'An envelope gives one event a notification; the first keeps it in `event.original`. A notification without its envelope is read as well.',
    'Of a log line the fields `http.*`, `vars.*` and `auth.user.name` are read; a line that is only text keeps its message. `err.*` gives `error.*`.',
    'The name of this format is `docker-registry`, for `registry` is the list of all formats.',
  ],
  actions: {
    'push, pull, mount, delete, …': 'What was done with a manifest or a layer',
    'registry-request': 'An HTTP request that was answered',
    'registry-log': 'Any other line of the registry’s log',
    'registry-auth-failed': 'A request was refused: no authorization, or none that suffices',
  },
  parse,
}

function parse(text: string, draft: Draft, context: FormatContext, others?: Draft[]): boolean {
  if (text.charCodeAt(0) === 123) {
    const record = readObject(text)
    return record !== undefined && parseRecord(record, { text, draft, context, others })
  }
  const log = text.startsWith('time="') ? readLogrus(text) : undefined
  if (log === undefined) return readAccess(text, draft, context)
  putTime(draft, context, log['time'])
  putLog(draft, log)
  return true
}

interface Given {
  readonly text: string
  readonly draft: Draft
  readonly context: FormatContext
  readonly others: Draft[] | undefined
}

function parseRecord(record: JsonObject, { text, draft, context, others }: Given): boolean {
  // A source may have cut the envelope into its events.
  const events = isNotification(record) ? [record] : objectsOf(record['events'])
  if (events.length > 0 && events.every(isNotification)) {
    const base = copyOf(draft.fields)
    keepJson(text, draft)
    putNotification(draft, events[0]!, context)
    for (const event of others === undefined ? [] : events.slice(1)) {
      if (others!.length === OTHERS_MAX) {
        note(draft, 'too-many-events')
        break
      }
      const other = another(draft, base)
      other.timeNs = undefined
      putNotification(other, event, context)
      others!.push(other)
    }
    return true
  }
  if (typeof record['msg'] !== 'string' || typeof record['level'] !== 'string') return false
  keepJson(text, draft)
  draft.message = str(record['msg'])
  putTime(draft, context, record['time'])
  putLog(draft, record)
  return true
}

function isNotification(event: JsonObject): boolean {
  return (
    typeof event['action'] === 'string' &&
    event['target'] !== undefined &&
    typeof event['timestamp'] === 'string'
  )
}
