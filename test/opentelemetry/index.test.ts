import { readFile } from 'node:fs/promises'
import { type DiagLogger, diag, type Meter, metrics } from '@opentelemetry/api'
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader
} from '@opentelemetry/sdk-metrics'
import { type Test, test } from 'tap'
import { UnauthorisedError } from '../../lib/index.ts'
import { recordSessionMetrics } from '../../lib/opentelemetry/index.ts'
import { buildApp } from '../builders/app.ts'
import { Client } from '../builders/client.ts'

/** A real reader, and what it has read: each value by metric and attributes. */
function openReader(t: Test) {
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 })
  const provider = new MeterProvider({ readers: [reader] })
  t.teardown(() => provider.shutdown())
  const read = async (): Promise<Record<string, number>> => {
    await provider.forceFlush()
    const values: Record<string, number> = {}
    for (const { scopeMetrics } of exporter.getMetrics().slice(-1))
      for (const { metrics: found } of scopeMetrics)
        for (const { descriptor, dataPoints } of found)
          for (const { attributes, value } of dataPoints)
            values[[descriptor.name, ...Object.values(attributes)].join(' ')] = Number(value)
    return values
  }
  return { provider, read }
}

test('a login, a refresh, a theft and refusals are seen by a reader', async (t) => {
  const { provider, read } = openReader(t)
  const stop = recordSessionMetrics({ meter: provider.getMeter('test') })
  const { app, clock } = await buildApp(t, { revocationInterval: 0.001 })
  const client = new Client(app, 'header')
  await client.login()
  const thief = client.copy()
  for (let round = 0; round < 2; round++) {
    await client.refresh()
    await client.get('/me')
    clock.advance(31)
  }
  await thief.refresh()
  await app.inject('/me')
  let values = await read()
  // The gauge comes with the next look at the store.
  while (values['supersession.revocations.age'] === undefined) values = await read()
  t.match(values, {
    'supersession.session.events created': 1,
    'supersession.session.events refreshed': 2,
    'supersession.session.events confirmed': 2,
    'supersession.session.events theft': 1,
    'supersession.session.events revoked': 1,
    'supersession.session.refusals theft 401': 1,
    'supersession.session.refusals no-token 401': 1,
    'supersession.revocations.age': 0
  })
  stop()
  await client.login()
  t.equal((await read())['supersession.session.events created'], 1, 'it has ended')
})

test('without a meter the global one is taken', async (t) => {
  const { provider, read } = openReader(t)
  metrics.setGlobalMeterProvider(provider)
  t.teardown(() => metrics.disable())
  t.teardown(recordSessionMetrics())
  const { app } = await buildApp(t)
  await app.sessions.issue({ userId: 'ada' })
  t.equal((await read())['supersession.session.events created'], 1)
  t.throws(() => recordSessionMetrics({ meters: 1 } as object), /'meter'/)
})

test('the dashboard and the page name metrics that there are', async (t) => {
  const names = [
    'supersession.session.events',
    'supersession.session.refusals',
    'supersession.revocations.age'
  ]
  const page = await readFile('docs/operation.md', 'utf8')
  for (const name of names) t.ok(page.includes(`\`${name}\``), name)
  const dashboard = await readFile('examples/operation/grafana-dashboard.json', 'utf8')
  const { panels } = JSON.parse(dashboard) as { panels: { targets: { expr: string }[] }[] }
  t.ok(panels.length >= 4)
  // As Prometheus names them: dots become underscores, counters end in _total.
  const known = names.map((name) => name.replaceAll('.', '_'))
  for (const { targets } of panels)
    for (const { expr } of targets)
      for (const [used] of expr.matchAll(/supersession_(?:session|revocations)_\w+/g))
        t.ok(
          known.some((name) => used === `${name}_total` || used === `${name}_seconds`),
          used
        )
})

test('a meter that throws ends nothing, and says so', async (t) => {
  const failing = () => {
    throw new Error('the exporter is gone')
  }
  const instrument = () => ({ add: failing, record: failing })
  const meter = { createCounter: instrument, createGauge: instrument } as unknown as Meter
  const told: unknown[] = []
  const logger = Object.fromEntries(
    ['error', 'warn', 'info', 'debug', 'verbose'].map((level) => [level, told.push.bind(told)])
  ) as unknown as DiagLogger
  diag.setLogger(logger)
  t.teardown(() => diag.disable())
  t.teardown(recordSessionMetrics({ meter }))
  const { app } = await buildApp(t)
  t.equal((await new Client(app, 'header').login()).statusCode, 200)
  await new Promise((resolve) => setImmediate(resolve))
  t.match(told, [/was not counted/])
})

test('reasons are those of this package, whatever an error of the app says', async (t) => {
  const { provider, read } = openReader(t)
  t.teardown(recordSessionMetrics({ meter: provider.getMeter('test') }))
  const { app } = await buildApp(t)
  app.get('/odd', async () => {
    throw Object.assign(new UnauthorisedError(), { reason: 'ada@example.com' })
  })
  t.equal((await app.inject('/odd')).statusCode, 401)
  t.equal((await read())['supersession.session.refusals other 401'], 1)
})
