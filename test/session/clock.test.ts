import Fastify from 'fastify'
import { test } from 'tap'
import supersession, { memoryStore } from '../../lib/index.ts'
import { openClock, StoreClock } from '../../lib/session/clock.ts'
import { addRoutes, FAST_KEYS } from '../builders/app.ts'
import { Client } from '../builders/client.ts'

const START_MS = 1_800_000_000_000
const MINUTE_MS = 60_000

/** A machine, and a store on another one; the way to the store and back takes `roundTripMs`. */
function world() {
  const state = { machineMs: START_MS, uptimeMs: 500, storeMs: START_MS, roundTripMs: 0, asked: 0 }
  const pass = (ms: number) => {
    state.machineMs += ms
    state.uptimeMs += ms
    state.storeMs += ms
  }
  const storeNow = async () => {
    state.asked++
    pass(state.roundTripMs / 2)
    const answer = state.storeMs
    pass(state.roundTripMs / 2)
    return answer
  }
  const machine = { time: () => state.machineMs, uptime: () => state.uptimeMs }
  return { state, pass, clock: new StoreClock(storeNow, machine) }
}

test("machines whose clocks differ by minutes have the store's time in common", async (t) => {
  const [early, late] = [world(), world()]
  early.state.machineMs -= 3 * MINUTE_MS
  late.state.machineMs += 5 * MINUTE_MS
  for (const { clock } of [early, late]) await clock.sync()
  t.equal(early.clock.now(), START_MS)
  t.equal(late.clock.now(), START_MS)
  late.pass(1234)
  t.equal(late.clock.now(), START_MS + 1234)
})

test('the time that the question takes is not taken for a difference', async (t) => {
  const { state, clock } = world()
  state.roundTripMs = 2000
  await clock.sync()
  t.equal(clock.now(), state.storeMs)
})

test('an answer that was long on its way sets no clock', async (t) => {
  const { state, clock } = world()
  state.storeMs += MINUTE_MS
  state.roundTripMs = 2002
  await t.rejects(async () => await clock.sync(), { name: 'StoreUnavailableError' })
  t.equal(clock.now(), state.machineMs)
  state.roundTripMs = 2
  await clock.sync()
  t.equal(clock.now(), state.storeMs)
})

test('before the first question the time is that of the machine', (t) => {
  const { state, clock } = world()
  t.equal(clock.now(), state.machineMs)
  t.end()
})

test('the store is asked at most every ten seconds', async (t) => {
  const { state, pass, clock } = world()
  await clock.sync()
  pass(9999)
  await clock.sync()
  t.equal(state.asked, 1)
  pass(1)
  state.storeMs += MINUTE_MS
  await clock.sync()
  t.equal(state.asked, 2)
  t.equal(clock.now(), state.storeMs, 'a store that moved to another machine is followed')
})

test('a clock of the machine that is set is put right before the next comparison', async (t) => {
  for (const stepMs of [2 * MINUTE_MS, -2 * MINUTE_MS, 1001, -1001]) {
    const { state, clock } = world()
    await clock.sync()
    state.machineMs += stepMs
    await clock.sync()
    t.equal(state.asked, 2, `by ${stepMs} ms`)
    t.equal(clock.now(), state.storeMs, `by ${stepMs} ms`)
  }
})

test('a clock of the machine that is slewed by NTP is left alone', async (t) => {
  const { state, clock } = world()
  await clock.sync()
  state.machineMs += 900
  await clock.sync()
  t.equal(state.asked, 1)
})

test('of many who need the time at the same moment one asks', async (t) => {
  const { state, clock } = world()
  await Promise.all([clock.sync(), clock.sync(), clock.sync()])
  t.equal(state.asked, 1)
})

test('a store that does not tell the time is asked again', async (t) => {
  let asked = 0
  const clock = new StoreClock(async () => {
    if (asked++ === 0) throw new Error('broken')
    return START_MS
  })
  await t.rejects(async () => await clock.sync(), /broken/)
  await clock.sync()
  t.ok(Math.abs(clock.now() - START_MS) < MINUTE_MS)
})

test("the app's clock comes before the store's, and the store's before the machine's", async (t) => {
  const given = () => 5
  const timed = { now: () => START_MS }
  const never = {
    now(): number {
      throw new Error('nobody asks')
    }
  }
  const own = openClock(never, given)
  await own.sync()
  t.equal(own.now(), 5)
  const shared = openClock(timed, undefined)
  await shared.sync()
  t.ok(Math.abs(shared.now() - START_MS) < MINUTE_MS)
  t.equal(openClock({}, undefined).now, Date.now)
})

test("sessions are dated by the store's time", async (t) => {
  const store = Object.assign(memoryStore(), { now: () => START_MS })
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(supersession, { ...FAST_KEYS, store })
  addRoutes(app)
  const client = new Client(app, 'header')
  const { handle } = (await client.login()).json()
  const session = await app.sessions.info(handle)
  t.ok(Math.abs((session?.createdAt ?? 0) - START_MS) < MINUTE_MS)
  t.equal((await client.get('/me')).statusCode, 200)
})

test('on a machine whose clock was set a login is dated by the store', async (t) => {
  const now = Date.now
  const store = Object.assign(memoryStore(), { now: () => now() })
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(supersession, { ...FAST_KEYS, store })
  t.intercept(Date, 'now', { value: () => now() - 60 * MINUTE_MS })
  const { session } = await app.sessions.issue({ userId: 'ada' })
  const info = await app.sessions.info(session.handle)
  t.ok(Math.abs(Number(info?.createdAt) - now()) < MINUTE_MS)
})

test('a store whose clock does not answer is a failure of the store', async (t) => {
  const store = Object.assign(memoryStore(), { now: () => Promise.reject(new Error('gone')) })
  const app = Fastify()
  t.teardown(() => app.close())
  await t.rejects(async () => await app.register(supersession, { ...FAST_KEYS, store }), {
    name: 'StoreUnavailableError'
  })
})
