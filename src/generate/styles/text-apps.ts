import { utf8 } from '../random.ts'
import { AGENTS, clientAddress, PATHS, sentence, status, USERS, type App } from './style.ts'

/** One sentence with a level and a token: what half of all programs print. */
export function plain(app: App): string {
  const { random, moment } = app
  const level = random.once(50) ? 'ERROR' : random.once(12) ? 'WARN' : 'INFO'
  return `${moment.rfc3339Milli()} ${level} [${app.container}] ${sentence(random)} user=${random.pick(USERS)} id=${app.token}`
}

/** klog: `Lmmdd hh:mm:ss.uuuuuu threadid file:line] msg`, structured. https://github.com/kubernetes/klog */
export function klog(app: App): string {
  const { random, moment } = app
  app.stderr = true
  const level = random.once(40) ? 'E' : random.once(10) ? 'W' : 'I'
  return `${level}${moment.klog()}       1 ${random.pick(['reconciler.go', 'proxier.go', 'eventhandlers.go', 'leaderelection.go'])}:${random.between(40, 900)}] "${sentence(random)}" pod="${app.namespace}/${app.pod}" trace="${app.token}"`
}

/** nginx "combined", with the request id that ingress-nginx appends. */
export function accessLog(app: App): string {
  const { random, moment } = app
  return (
    `${clientAddress(random)} - ${random.once(5) ? random.pick(USERS) : '-'} [${moment.accessLog()}] "${random.once(6) ? 'POST' : 'GET'} ${random.pick(PATHS)} HTTP/1.1" ` +
    `${status(random)} ${random.below(60_000)} "-" "${random.pick(AGENTS)}" ${random.below(2000)} 0.${random.between(100, 999)} [${app.namespace}-web-80] ${app.token}`
  )
}

const GREETINGS = [
  'Grüße aus Köln',
  'Здравствуйте, заказ принят',
  '注文を受け付けました',
  'تم قبول الطلب',
  'שלום עולם',
  '주문이 접수되었습니다',
  'façade naïve œuvre',
  'rocket 🚀 and family 👩‍👩‍👧',
  'combining e\u0301 and zero\u200bwidth',
  'ελληνικό κείμενο',
].map(utf8)

/** Text of many scripts: mail subjects, names, emoji. */
export function manyScripts(app: App): string {
  const { random, moment } = app
  return `${moment.rfc3339Milli()} INFO [mailer] subject="${random.pick(GREETINGS)}" to=${random.pick(USERS)}@example.test id=${app.token}`
}

const FILLER = Array.from(
  { length: 64 },
  (_, i) => `"field_${i}":"${utf8('wärmepumpe ☀')} ${'abcdefghij'.repeat(3 + (i % 5))}",`,
).join('')

/** Mostly short; one line in 50 is a dump of 16-70 KiB, which the runtime cuts into parts. */
export function longLines(app: App): string {
  const { random } = app
  if (!random.once(50)) return plain(app)
  app.special = true
  return `{"dump":"${app.token}",${FILLER.repeat(random.between(4, 16))}"end":true}`
}
