import type { FastifyInstance } from 'fastify'
import { type Test, test } from 'tap'
import { buildDemo, LIFETIMES } from '../../examples/demo/app.ts'
import { TestClock } from '../../lib/testing/index.ts'
import { FAST_KEYS } from '../builders/app.ts'
import { Client, type Response } from '../builders/client.ts'
import { Device } from '../builders/device.ts'

const METHODS = ['cookie', 'header'] as const

async function buildTimedDemo(t: Test): Promise<{ app: FastifyInstance; clock: TestClock }> {
  const clock = new TestClock()
  const app = await buildDemo({ clock: clock.read, session: FAST_KEYS })
  t.teardown(() => app.close())
  return { app, clock }
}

async function signIn(client: Client, userName: string): Promise<Response> {
  return client.post('/api/sign-in', { userName })
}

interface ListedSession {
  readonly handle: string
  readonly device: string
  readonly isThisOne: boolean
}

async function listSessions(client: Client): Promise<ListedSession[]> {
  return (await client.get('/api/sessions')).json().sessions
}

test('the demo serves its page, and everything that the page asks for', async (t) => {
  const { app } = await buildTimedDemo(t)
  const page = await app.inject('/')
  t.equal(page.statusCode, 200)
  t.match(page.headers, {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': /default-src 'self'/
  })
  const links = [...page.body.matchAll(/(?:src|href)="(\/[^"]+)"/g)].map(([, path]) => String(path))
  t.ok(links.length > 3)
  for (const link of links) {
    const file = await app.inject(link)
    t.equal(file.statusCode, 200, link)
    t.match(file.headers['content-type'], /^(text|image)\//, link)
  }
})

test('the demo runs on the lifetimes that its page names, and on real time', async (t) => {
  const app = await buildDemo({ session: FAST_KEYS })
  t.teardown(() => app.close())
  const page = await app.inject('/')
  t.match(page.body, /access token lives for 15 seconds and a session for 3 minutes/)
  const client = new Client(app, 'header')
  const before = Date.now()
  const reply = await signIn(client, 'ada')
  t.ok(Number(reply.headers['server-time']) >= before)
  const { sessionSeconds } = (await client.get('/api/sessions')).json()
  t.equal(sessionSeconds, 180)
})

test('a user name that is none is refused as a request that does not validate', async (t) => {
  const { app } = await buildTimedDemo(t)
  for (const userName of ['', ' ', '<ada>', 'a'.repeat(31), undefined])
    t.equal(
      (await app.inject({ method: 'POST', url: '/api/sign-in', body: { userName } })).statusCode,
      422
    )
})

test('the role is a claim that the administrators’ page asks for', async (t) => {
  const { app } = await buildTimedDemo(t)
  const client = new Client(app, 'header')
  await signIn(client, 'ada')
  t.equal((await client.get('/api/hello')).statusCode, 200)

  const refused = await client.get('/api/admin')
  t.equal(refused.statusCode, 403)
  t.same(refused.json().claimValidationErrors, [
    {
      id: 'role',
      reason: { message: 'wrong value', expectedValue: 'admin', actualValue: 'reader' }
    }
  ])
  t.equal((await client.post('/api/role', { role: 'emperor' })).statusCode, 422)
  t.equal((await client.post('/api/role', { role: 'admin' })).statusCode, 200)
  t.equal((await client.get('/api/admin')).statusCode, 200)
})

test('a user sees the sessions and ends them, this one included', async (t) => {
  const { app, clock } = await buildTimedDemo(t)
  const client = new Client(app, 'cookie')
  await signIn(client, 'ada')
  clock.advance(1)
  t.equal((await client.post('/api/sessions')).statusCode, 200)
  const [first, second] = await listSessions(client)
  t.match(first, { device: 'A client', isThisOne: true })
  t.match(second, { device: 'Imaginary phone', isThisOne: false })

  const end = (handle = '') => client.request({ method: 'DELETE', url: `/api/sessions/${handle}` })
  const ended = await end(second?.handle)
  t.equal(ended.statusCode, 200)
  t.match(ended.json().message, /^A second server, .* for \d+\.\d s more\. .* the reason “revoked”/)
  t.equal((await listSessions(client)).length, 1)
  t.equal((await end(second?.handle)).statusCode, 404, 'it is gone')
  const own = await end(first?.handle)
  t.equal(own.statusCode, 200)
  t.equal(own.headers['front-token'], 'remove')
  t.same(await app.sessions.list('ada'), [])
})

test('an access token that has expired is not called revoked', async (t) => {
  const { app, clock } = await buildTimedDemo(t)
  const client = new Client(app, 'header')
  await signIn(client, 'ada')
  await client.post('/api/sessions')
  clock.advance(LIFETIMES.accessTokenValidity + 1)
  await client.refresh()
  const phone = (await listSessions(client)).find(({ isThisOne }) => !isThisOne)
  const url = `/api/sessions/${phone?.handle}`
  const { message } = (await client.request({ method: 'DELETE', url })).json()
  t.match(message, 'refuses its access token with the reason “expired”')
  t.equal((await app.sessions.list('ada')).length, 1)
})

test('a session on another browser is ended as well', async (t) => {
  const { app } = await buildTimedDemo(t)
  const [laptop, phone] = [new Client(app, 'cookie'), new Client(app, 'header')]
  await signIn(laptop, 'ada')
  await signIn(phone, 'ada')
  const other = (await listSessions(laptop)).find(({ isThisOne }) => !isThisOne)
  const url = `/api/sessions/${other?.handle}`
  const reply = await laptop.request({ method: 'DELETE', url })
  t.same(reply.json(), { message: 'The other session is over.' })
  t.equal((await phone.get('/api/hello')).statusCode, 401)
})

test('a session is let in where a key is needed if it was begun with one', async (t) => {
  const { app, clock } = await buildTimedDemo(t)
  const client = new Client(app, 'header')
  await signIn(client, 'ada')
  t.equal((await client.get('/api/bound')).statusCode, 403)

  const device = new Device()
  const proof = (htm: string, path: string, token?: string) =>
    device.dpop({ htm, htu: `http://localhost:3000${path}`, iat: clock.nowMs / 1000 }, token)
  const bound = await client.request({
    method: 'POST',
    url: '/api/sign-in',
    body: { userName: 'ada' },
    headers: { dpop: proof('POST', '/api/sign-in') }
  })
  const token = String(bound.headers['st-access-token'])
  const headers = { authorization: `DPoP ${token}`, dpop: proof('GET', '/api/bound', token) }
  const reply = await app.inject({ url: '/api/bound', headers })
  t.same(reply.json(), { message: 'Hello ada, you have the key.' })
})

test('nobody ends the session of another user', async (t) => {
  const { app } = await buildTimedDemo(t)
  const [ada, bob] = [new Client(app, 'header'), new Client(app, 'header')]
  await signIn(ada, 'ada')
  await signIn(bob, 'bob')
  const [session] = await listSessions(ada)
  const reply = await bob.request({ method: 'DELETE', url: `/api/sessions/${session?.handle}` })
  t.equal(reply.statusCode, 404)
  t.equal((await app.sessions.list('ada')).length, 1)
})

test('a session is listed with the browser it was made in', async (t) => {
  const { app } = await buildTimedDemo(t)
  const agents = {
    Firefox: 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
    Edge: 'Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36 Edg/140.0',
    Chrome: 'Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36'
  }
  for (const [name, agent] of Object.entries(agents)) {
    const client = new Client(app, 'header')
    const headers = { 'user-agent': agent }
    const body = { userName: name }
    await client.request({ method: 'POST', url: '/api/sign-in', body, headers })
    t.match(await listSessions(client), [{ device: name }])
  }
  const silent = new Client(app, 'header')
  const headers = { 'user-agent': undefined }
  await silent.request({ method: 'POST', url: '/api/sign-in', body: { userName: 'x' }, headers })
  t.match(await listSessions(silent), [{ device: 'A client' }])
})

for (const method of METHODS) {
  test(`by ${method}, the thief strikes when the copy is out of date and the grace period over`, async (t) => {
    const { app, clock } = await buildTimedDemo(t)
    const client = new Client(app, method)
    await signIn(client, 'ada')
    const strike = () => client.post('/api/thief/strike')
    t.same((await client.get('/api/thief')).json(), { strikesAt: null }, 'the copy is as good')
    t.equal((await strike()).statusCode, 409)

    await client.refresh()
    const inUseSince = clock.nowMs
    t.same((await client.get('/api/thief')).json(), { strikesAt: inUseSince + 4000 })
    clock.advance(3)
    t.same((await client.get('/api/thief')).json(), { strikesAt: inUseSince + 4000 })
    t.equal((await strike()).statusCode, 409, 'within the grace period')

    clock.advance(1)
    t.same((await strike()).json(), { status: 401, message: 'token theft detected' })
    t.same(await app.sessions.list('ada'), [])
    const next = await client.get('/api/sessions')
    t.equal(next.statusCode, 401)
    t.equal(next.headers['front-token'], 'remove')
  })
}

test('the thief has no token of a session that came from elsewhere', async (t) => {
  const { app } = await buildTimedDemo(t)
  const client = new Client(app, 'header')
  const { accessToken } = await app.sessions.issue({ userId: 'ada' })
  client.accessToken = accessToken
  t.equal((await client.get('/api/thief')).statusCode, 404)
  t.equal((await client.post('/api/thief/strike')).statusCode, 404)
})
