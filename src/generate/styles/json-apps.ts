import { clientAddress, PATHS, sentence, status, USERS, type App } from './style.ts'

/** pino (Node.js): numeric level, time in milliseconds. */
export function pino(app: App): string {
  const { random, moment } = app
  const level = random.once(40) ? 50 : random.once(12) ? 40 : 30
  return (
    `{"level":${level},"time":${moment.ms},"pid":1,"hostname":"${app.pod}","reqId":"${app.token}","user":"${random.pick(USERS)}",` +
    `"remoteAddress":"${clientAddress(random)}","res":{"statusCode":${status(random)}},"responseTime":${random.below(900)},"msg":"${sentence(random)}"}`
  )
}

/** zap (Go): epoch seconds with fraction, caller. */
export function zap(app: App): string {
  const { random, moment } = app
  const level = random.once(50) ? 'error' : random.once(10) ? 'warn' : 'info'
  return (
    `{"level":"${level}","ts":${moment.epochSeconds()},"caller":"server/handler.go:${random.between(20, 400)}","msg":"${sentence(random)}",` +
    `"trace_id":"${app.token}","method":"GET","path":"${random.pick(PATHS)}","status":${status(random)},"latency":${random.below(9000) / 10000}}`
  )
}

/** logrus (Go), JSON formatter. */
export function logrus(app: App): string {
  const { random, moment } = app
  const level = random.once(40) ? 'error' : random.once(8) ? 'warning' : 'info'
  return `{"component":"${app.container}","level":"${level}","msg":"${sentence(random)}","span":"${app.token}","shard":${random.below(32)},"time":"${moment.rfc3339()}"}`
}

/** slog (Go), JSONHandler: nested group, nanoseconds, a number beyond 2^53. */
export function slog(app: App): string {
  const { random, moment } = app
  const level = random.once(60) ? 'ERROR' : random.once(9) ? 'WARN' : 'INFO'
  return (
    `{"time":"${moment.rfc3339Nano()}","level":"${level}","msg":"${sentence(random)}","request":{"id":"${app.token}","method":"POST","path":"${random.pick(PATHS)}"},` +
    `"offset":90071992547409${random.between(10, 99)},"user":"${random.pick(USERS)}"}`
  )
}

/** Envoy's JSON access log, as a service mesh sidecar writes it. */
export function envoy(app: App): string {
  const { random, moment } = app
  return (
    `{"start_time":"${moment.rfc3339Milli()}","method":"GET","path":"${random.pick(PATHS)}","protocol":"HTTP/2","response_code":${status(random)},` +
    `"bytes_sent":${random.below(50_000)},"duration":${random.below(500)},"x_request_id":"${app.token}","upstream_host":"${clientAddress(random)}:8080","downstream_remote_address":"${clientAddress(random)}:${random.between(32_768, 60_999)}"}`
  )
}
