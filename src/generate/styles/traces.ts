import { pino, slog } from './json-apps.ts'
import { sentence, type App, type Style } from './style.ts'

/** Wraps a style: one line in `oneIn` is an error with a stack trace, written line by line to stderr. */
function withTraces(style: Style, trace: Style, oneIn: number): Style {
  return (app) => {
    if (!app.random.once(oneIn)) return style(app)
    app.special = true
    app.stderr = true
    return trace(app)
  }
}

function javaLine(app: App): string {
  const { random, moment } = app
  const level = random.once(12) ? ' WARN' : ' INFO'
  return `${moment.rfc3339Milli()} ${level} 1 --- [catalog] [nio-8080-exec-${random.between(1, 9)}] c.e.shop.catalog.CatalogService     : ${sentence(random)} id=${app.token}`
}

function javaTrace(app: App): string {
  const { random, moment } = app
  const frames = Array.from(
    { length: random.between(6, 18) },
    (_, i) => `\tat com.example.shop.catalog.Step${i}.run(Step${i}.java:${random.between(20, 300)})`,
  )
  return [
    `${moment.rfc3339Milli()} ERROR 1 --- [catalog] [nio-8080-exec-3] o.a.c.c.C.[dispatcherServlet] : request ${app.token} failed`,
    `java.lang.IllegalStateException: no stock for item ${random.below(9000)}`,
    ...frames,
    `Caused by: java.sql.SQLTransientConnectionException: pool - Connection is not available, request timed out after 30000ms.`,
    `\tat com.zaxxer.hikari.pool.HikariPool.createTimeoutException(HikariPool.java:686)`,
    `\t... ${frames.length} common frames omitted`,
  ].join('\n')
}

function pythonLine(app: App): string {
  const { random, moment } = app
  return `${moment.python()} ${random.once(10) ? 'WARNING' : 'INFO'} recommender.model: ${sentence(random)} id=${app.token}`
}

function pythonTrace(app: App): string {
  const { random, moment } = app
  const frames = Array.from({ length: random.between(2, 5) }, (_, i) => [
    `  File "/app/recommender/step_${i}.py", line ${random.between(10, 400)}, in run_${i}`,
    `    return model.predict(batch_${i})`,
  ]).flat()
  return [
    `${moment.python()} ERROR recommender.model: prediction ${app.token} failed`,
    'Traceback (most recent call last):',
    ...frames,
    `ValueError: shapes (${random.below(512)},128) and (64,) not aligned`,
  ].join('\n')
}

function goPanic(app: App): string {
  const { random } = app
  return [
    'panic: runtime error: invalid memory address or nil pointer dereference',
    `[signal SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x${random.hex(6)}]`,
    '',
    `goroutine ${random.between(1, 900)} [running]:`,
    `main.(*cart).total(0x0, {0xc000${random.hex(6)}, 0x${random.below(64).toString(16)}})`,
    `\t/src/cart/total.go:${random.between(20, 200)} +0x${random.hex(3)}`,
    'main.handle()',
    `\t/src/cart/main.go:${random.between(20, 200)} +0x${random.hex(3)} trace=${app.token}`,
    'exit status 2',
  ].join('\n')
}

function jsTrace(app: App): string {
  const { random } = app
  return [
    `TypeError: Cannot read properties of undefined (reading 'price') [${app.token}]`,
    `    at totalOf (file:///app/src/cart.js:${random.between(5, 200)}:${random.between(3, 60)})`,
    `    at async handle (file:///app/src/routes/checkout.js:${random.between(5, 200)}:11)`,
    '    at process.processTicksAndRejections (node:internal/process/task_queues:103:5)',
  ].join('\n')
}

export const java: Style = withTraces(javaLine, javaTrace, 120)
export const python: Style = withTraces(pythonLine, pythonTrace, 90)
export const goWithPanics: Style = withTraces(slog, goPanic, 200)
export const nodeWithTraces: Style = withTraces(pino, jsTrace, 150)
