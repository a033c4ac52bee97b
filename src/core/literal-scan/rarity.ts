/**
 * How often two characters are met in logs, roughly: the scan looks for the rarest piece of each literal. A wrong guess costs
 * time and nothing else.
 */

/** What logs talk about all day, folded. */
const EVERYDAY = `
2026-11-24t08:00:00.000000000z stdout f stderr info warning error debug trace fatal level time timestamp message msg logger
request response method path status code get post put delete http/1.1 https://www. user-agent mozilla/5.0 (x11; linux x86_64)
application/json content-type accept: text/html; charset=utf-8 api/v1/ api/v2/ healthz readyz metrics duration latency bytes
connection connected connecting disconnected closed opened timeout timed out retry retries retrying attempt failed failure
customer customers order orders item items product products payment payments session sessions cart report reports invoice
account accounts user users username client clients server servers service services worker workers queue queued job jobs task
database query select from where table index record records column rows transaction commit rollback cache cached miss hit key
started starting stopped stopping running completed finished processing processed handled handling received sending sent
created updated deleted updating creating loading loaded reading writing written read write file files directory config
configuration version build release environment production namespace default container kubernetes cluster node pod pods
token tokens auth authentication authorized login logout permission permissions role roles policy certificate signature
exception caused by at java.lang. org.springframework. com.example. main.go: controller reconciler reconciled successfully
unable cannot could not found invalid unknown unexpected missing required expected because waiting for already exists
information number total count size length value values name names type types event events data result results input output
localhost 127.0.0.1 10.0.0.1 port address host hostname remote network socket stream process thread memory cpu disk usage
request for customer order of the user was not set to be in use with no error on this node is an item by its name at end from
reused rejected returned refused reset restarted remaining resource resolved recovered registered reported required respond
in 12ms, 3 retries, 5 attempts left, after 2.5s, took 97ms, hit/miss ratio, next try, will be, has been, do not, does not
null true false none undefined object array string integer function called return import export process module system
`

/** What every container line begins with, as far as letters go, and every pair of digits: weighed as in lines of 200 characters. */
const HEAD = 'z stdout f info z stdout f {" z stderr f warn '
const DIGITS = Array.from({ length: 100 }, (_, pair) => String(pair).padStart(2, '0')).join(' ')
/** As Go writes `<`, `>` and `&`. */
const ESCAPES = '\\u003c\\u003e\\u0026'
/** Of web servers. */
const ACCESS =
  ' - - [24/nov/2026:08:00:00 +0000] "get /api/v1/items/12?page=2 http/1.1" 200 512 "-" "mozilla/5.0'
const SAMPLE = EVERYDAY + HEAD.repeat(20) + DIGITS.repeat(3) + ESCAPES.repeat(10) + ACCESS.repeat(10)

/** Counted as if seen so often: what is not in the sample is rare, not impossible. */
const UNSEEN = 0.05

const singles = new Map<string, number>()
const pairs = new Map<string, number>()
for (let at = 0; at < SAMPLE.length; at++) {
  const char = SAMPLE[at]!
  singles.set(char, (singles.get(char) ?? 0) + 1)
  const pair = SAMPLE.slice(at, at + 2)
  pairs.set(pair, (pairs.get(pair) ?? 0) + 1)
}

/** The part of places in a log at which two folded characters stand, about; undefined is any character. */
export function pairFrequency(first: string | undefined, second: string | undefined): number {
  const count =
    first === undefined
      ? second === undefined
        ? SAMPLE.length
        : singles.get(second)
      : second === undefined
        ? singles.get(first)
        : pairs.get(first + second)
  return ((count ?? 0) + UNSEEN) / SAMPLE.length
}
