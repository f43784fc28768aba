import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { FastifyInstance } from 'fastify'
import { type Test, test } from 'tap'
import { memoryStore, type SupersessionOptions } from '../../lib/index.ts'
import { lmdbStore } from '../../lib/stores/lmdb.ts'
import type { TestClock } from '../../lib/testing/index.ts'
import { buildApp } from '../builders/app.ts'
import { payloadOf, type Response } from '../builders/client.ts'
import { Device } from '../builders/device.ts'
import { newFolder } from '../builders/folder.ts'

const ORIGIN = 'https://api.example.com'
const COOKIE = '__Host-sDevice'
const REFRESH_COOKIE = 'sRefreshToken'
const options: SupersessionOptions = {
  appInfo: { apiDomain: ORIGIN },
  deviceBinding: 'dbsc',
  secret: 'a secret of the app, 32 bytes long'
}

/** A browser as far as DBSC goes: a jar, a key, and what the specification has it do. */
class Browser {
  readonly jar = new Map<string, string>()
  readonly device = new Device()
  readonly #app: FastifyInstance
  registration: string | undefined
  challenge: string | undefined

  constructor(app: FastifyInstance) {
    this.#app = app
  }

  /** All cookies in another client, or some of them. */
  copy(...names: string[]): Browser {
    const other = new Browser(this.#app)
    for (const [name, value] of this.jar)
      if (names.length === 0 || names.includes(name)) other.jar.set(name, value)
    return other
  }

  async send(
    method: 'GET' | 'POST',
    url: string,
    headers: Record<string, string> = {},
    body?: object
  ): Promise<Response> {
    const cookie = [...this.jar].map(([name, value]) => `${name}=${value}`).join('; ')
    const reply = await this.#app.inject({
      method,
      url,
      headers: { cookie, rid: 'session', 'st-auth-mode': 'cookie', ...headers },
      ...(body && { payload: body })
    })
    for (const { name, value, maxAge } of reply.cookies)
      if (value === '' || maxAge === 0) this.jar.delete(name)
      else this.jar.set(name, value)
    this.registration = challengeIn(reply, 'registration') ?? this.registration
    this.challenge = challengeIn(reply, 'challenge') ?? this.challenge
    return reply
  }

  async login(): Promise<string> {
    const reply = await this.send('POST', '/login', {}, { userId: 'ada' })
    return reply.json().handle
  }

  async register(proof = this.device.register(String(this.registration))): Promise<Response> {
    return this.send('POST', '/auth/session/device', { 'secure-session-response': proof })
  }

  /** Asks for the next bound cookie. */
  async refreshDevice(handle: string, proof?: string): Promise<Response> {
    const headers: Record<string, string> = { 'sec-secure-session-id': handle }
    if (proof !== undefined) headers['secure-session-response'] = proof
    return this.send('POST', '/auth/session/device/refresh', headers)
  }

  answer(): string {
    return this.device.answer(String(this.challenge))
  }

  async refresh(): Promise<Response> {
    return this.send('POST', '/auth/session/refresh')
  }

  async me(): Promise<number> {
    return (await this.send('GET', '/me')).statusCode
  }
}

function challengeIn({ headers }: Response, kind: string): string | undefined {
  const header = headers[`secure-session-${kind}`]
  return /"(\w+\.[\w-]+\.[\w-]+)"/.exec(String(header))?.[1]
}

interface Bound {
  readonly app: FastifyInstance
  readonly clock: TestClock
  readonly browser: Browser
  readonly handle: string
}

async function boundBrowser(t: Test, more: SupersessionOptions = {}): Promise<Bound> {
  const { app, clock } = await buildApp(t, { ...options, ...more })
  const browser = new Browser(app)
  const handle = await browser.login()
  t.equal((await browser.register()).statusCode, 200)
  return { app, clock, browser, handle }
}

/** What is published about sessions while a test runs. */
function eventsOf(t: Test): { kind: string; reason?: string }[] {
  const events: { kind: string; reason?: string }[] = []
  const listen = (message: unknown) => events.push(message as (typeof events)[number])
  subscribe('fastify-supersession:session', listen)
  t.teardown(() => unsubscribe('fastify-supersession:session', listen))
  return events
}

test('a login offers to bind, and the browser binds', async (t) => {
  const events = eventsOf(t)
  const { app } = await buildApp(t, options)
  const browser = new Browser(app)
  const login = await browser.send('POST', '/login', {}, { userId: 'ada' })
  const { handle } = login.json()
  t.match(
    login.headers['secure-session-registration'],
    /^\(ES256 RS256\);path="\/auth\/session\/device";challenge="[\w.-]+"$/
  )
  t.equal(payloadOf(browser.jar.get('sAccessToken'))['cnf'], undefined)
  t.equal(await browser.me(), 200, 'it works before')

  const reply = await browser.register()
  t.equal(reply.statusCode, 200)
  t.match(reply.json(), {
    session_identifier: handle,
    refresh_url: '/auth/session/device/refresh',
    scope: { origin: ORIGIN, include_site: false },
    credentials: [
      { type: 'cookie', name: COOKIE, attributes: 'Path=/; HttpOnly; Secure; SameSite=Lax' }
    ]
  })
  t.equal(reply.headers['cache-control'], 'no-store')
  t.equal(reply.headers['secure-session-challenge'], undefined)
  t.match(
    reply.cookies.find(({ name }) => name === COOKIE),
    {
      httpOnly: true,
      secure: true,
      path: '/',
      maxAge: 540
    }
  )
  t.match(payloadOf(browser.jar.get('sAccessToken'))['cnf'], { jkt: /^[\w-]{43}$/ })
  t.equal(await browser.me(), 200)
  t.equal(await browser.me(), 200, 'and again, where the cookie was seen before')
  const bound = events.filter((event) => (event as { kind: string }).kind === 'bound')
  t.match(bound, [{ kind: 'bound', method: 'dbsc', sessionHandle: handle, userId: 'ada' }])
  const [device] = await app.sessions.devices('ada')
  t.equal(device?.deviceBinding, 'dbsc')
  t.same(Object.keys(device?.device ?? {}), ['userAgent'], 'the key is not shown')
})

test('a browser that does not bind works as before, and is asked with each refresh', async (t) => {
  const { app, clock } = await buildApp(t, options)
  app.get('/bound', { preHandler: app.verifySession({ deviceBound: true }) }, async () => 'in')
  const browser = new Browser(app)
  await browser.login()
  const reply = await browser.refresh()
  t.equal(reply.statusCode, 200)
  t.ok(reply.headers['secure-session-registration'])
  t.equal(await browser.me(), 200)
  const refused = await browser.send('GET', '/bound')
  t.equal(refused.statusCode, 403)
  t.match(refused.json(), { claimValidationErrors: [{ id: 'deviceBound' }] })
  clock.advance(1)
  await browser.register()
  t.equal((await browser.send('GET', '/bound')).statusCode, 200, 'bound later')
  t.equal((await app.sessions.devices('ada'))[0]?.deviceBinding, 'dbsc')
})

test('all cookies elsewhere are good until the bound cookie ends', async (t) => {
  const events = eventsOf(t)
  const { app, clock, browser, handle } = await boundBrowser(t)
  const thief = browser.copy()
  t.equal(await thief.me(), 200)
  clock.advance(600)
  const reply = await thief.send('GET', '/me')
  t.equal(reply.statusCode, 401)
  t.same(reply.json(), { message: 'try refresh token' })
  const refresh = await thief.refresh()
  t.equal(refresh.statusCode, 401)
  t.same(refresh.cookies, [], 'no token is taken away')
  await thief.refreshDevice(handle)
  t.equal((await thief.refreshDevice(handle, thief.answer())).statusCode, 401)
  t.equal(await thief.me(), 401)

  await browser.refreshDevice(handle)
  t.equal((await browser.refreshDevice(handle, browser.answer())).statusCode, 200)
  t.equal(await browser.me(), 200, 'the owner is undisturbed')
  t.equal((await browser.refresh()).statusCode, 200)
  t.same(await app.sessions.list('ada'), [handle])
  const refused = events.filter(({ kind }) => kind === 'refused')
  t.same(
    refused.map(({ reason }) => reason),
    ['device', 'device', 'proof', 'device']
  )
})

test('without the bound cookie tokens are of no use, and raise no alarm', async (t) => {
  const { app, browser, handle } = await boundBrowser(t)
  for (const names of [[REFRESH_COOKIE], [REFRESH_COOKIE, 'sAccessToken']]) {
    const thief = browser.copy(...names)
    t.equal((await thief.refresh()).statusCode, 401)
    t.equal(await thief.me(), 401)
  }
  const { handle: _, ...other } = { ...(await boundBrowser(t)) }
  const mixed = browser.copy('sAccessToken', REFRESH_COOKIE)
  mixed.jar.set(COOKIE, String(other.browser.jar.get(COOKIE)))
  t.equal(await mixed.me(), 401, 'with the cookie of another session')
  t.equal((await browser.refresh()).statusCode, 200)
  t.equal(await browser.me(), 200)
  t.same(await app.sessions.list('ada'), [handle])
})

test('a bound token that was taken from its cookie is good in no header', async (t) => {
  const { app, browser } = await boundBrowser(t, { deviceBinding: ['dbsc', 'dpop'] })
  const [access, refresh] = ['sAccessToken', REFRESH_COOKIE].map((name) => browser.jar.get(name))
  for (const scheme of ['Bearer', 'DPoP']) {
    const me = { url: '/me', headers: { authorization: `${scheme} ${access}` } }
    t.equal((await app.inject(me)).statusCode, 401, scheme)
    const headers = { authorization: `${scheme} ${refresh}` }
    const reply = await app.inject({ method: 'POST', url: '/auth/session/refresh', headers })
    t.equal(reply.statusCode, 401, scheme)
  }
  const dbsc = await boundBrowser(t)
  const authorization = `Bearer ${dbsc.browser.jar.get('sAccessToken')}`
  const reply = await dbsc.app.inject({ url: '/me', headers: { authorization } })
  t.equal(reply.statusCode, 401, 'where there is no DPoP')
})

test('a bound token is good for no function that has no request', async (t) => {
  const { app, browser } = await boundBrowser(t)
  const [access, refresh] = ['sAccessToken', REFRESH_COOKIE].map((name) => browser.jar.get(name))
  await t.rejects(app.sessions.verify(String(access)), { name: 'TryRefreshTokenError' })
  await t.rejects(app.sessions.rotate(String(refresh)), { name: 'UnauthorisedError' })
})

test('each bound cookie takes a proof over a challenge that was not used yet', async (t) => {
  const { browser, clock, handle } = await boundBrowser(t)
  clock.advance(1)
  const ask = await browser.refreshDevice(handle)
  t.equal(ask.statusCode, 403)
  t.match(ask.headers['secure-session-challenge'], new RegExp(`^"[\\w.-]+";id="${handle}"$`))
  t.equal(ask.headers['cache-control'], 'no-store')
  const before = browser.jar.get(COOKIE)
  const proof = browser.answer()
  const reply = await browser.refreshDevice(handle, proof)
  t.equal(reply.statusCode, 200)
  t.match(reply.json(), { session_identifier: handle })
  t.not(browser.jar.get(COOKIE), before)

  const replayed = await browser.refreshDevice(handle, proof)
  t.equal(replayed.statusCode, 403)
  t.same(replayed.cookies, [])
  clock.advance(1)
  await browser.refreshDevice(handle)
  t.equal((await browser.refreshDevice(`"${handle}"`, browser.answer())).statusCode, 200)
  clock.advance(1)
  t.equal(
    (await browser.refreshDevice(handle, browser.answer())).statusCode,
    200,
    'the challenge of the last reply saves a request'
  )
})

test('a clock that was set back keeps no browser from its next cookie', async (t) => {
  const { browser, clock, handle } = await boundBrowser(t)
  clock.advance(600)
  await browser.refreshDevice(handle)
  const proof = browser.answer()
  t.equal((await browser.refreshDevice(handle, proof)).statusCode, 200)
  clock.advance(-300)
  t.equal((await browser.refreshDevice(handle)).statusCode, 403)
  t.equal((await browser.refreshDevice(handle, browser.answer())).statusCode, 403)
  t.equal((await browser.refreshDevice(handle, browser.answer())).statusCode, 200)
  t.equal((await browser.refreshDevice(handle, proof)).statusCode, 403, 'an old proof')
})

test('of two refreshes with one challenge a single one counts', async (t) => {
  const { browser, clock, handle } = await boundBrowser(t)
  clock.advance(1)
  await browser.refreshDevice(handle)
  const proof = browser.answer()
  const replies = await Promise.all([1, 2].map(() => browser.refreshDevice(handle, proof)))
  t.same(replies.map(({ statusCode }) => statusCode).sort(), [200, 403])
})

const proofs: Readonly<
  Record<string, [(bound: Bound, other: Bound) => Promise<string> | string, status: number]>
> = {
  'with another key': [({ browser }) => new Device().answer(String(browser.challenge)), 401],
  'over another session’s challenge': [
    ({ browser }, other) => browser.device.answer(String(other.browser.challenge)),
    403
  ],
  'over a challenge that was made up': [({ browser }) => browser.device.answer('a.b.c'), 403],
  'over a challenge that has expired': [
    ({ browser, clock }) => {
      clock.advance(900)
      return browser.answer()
    },
    403
  ],
  'without a signature': [
    ({ browser }) =>
      browser.device.forge('none', { typ: 'dbsc+jwt' }, { jti: String(browser.challenge) }),
    401
  ],
  'with a MAC': [
    ({ browser }) =>
      browser.device.forge('HS256', { typ: 'dbsc+jwt' }, { jti: String(browser.challenge) }),
    401
  ],
  'that brings a key': [({ browser }) => browser.device.register(String(browser.challenge)), 401],
  'that is too long': [({ browser }) => browser.answer() + 'A'.repeat(9000), 401],
  'that is no JWT': [() => 'proof', 401]
}

for (const [name, [make, status]] of Object.entries(proofs))
  test(`a refresh is refused: a proof ${name}`, async (t) => {
    let writes = 0
    const store = memoryStore()
    const replace = store.replace.bind(store)
    store.replace = (record, revision) => {
      writes++
      return replace(record, revision)
    }
    const bound = await boundBrowser(t, { store })
    const other = await boundBrowser(t)
    for (const { browser, clock, handle } of [bound, other]) {
      clock.advance(1)
      await browser.refreshDevice(handle)
    }
    writes = 0
    const reply = await bound.browser.refreshDevice(bound.handle, await make(bound, other))
    t.equal(reply.statusCode, status)
    t.same(reply.cookies, [])
    t.equal(writes, 0, 'nothing is written')
    await bound.browser.refreshDevice(bound.handle)
    const good = await bound.browser.refreshDevice(bound.handle, bound.browser.answer())
    t.equal(good.statusCode, 200, 'the owner goes on')
  })

test('a registration is refused that is not of this session', async (t) => {
  const { app, clock } = await buildApp(t, options)
  const [browser, other] = [new Browser(app), new Browser(app)]
  await browser.login()
  await other.login()
  const proof = () => browser.device.register(String(browser.registration))
  const refused = async (reply: Promise<Response>) => t.equal((await reply).statusCode, 401)
  await refused(browser.register('proof'))
  await refused(browser.send('POST', '/auth/session/device'))
  await refused(other.register(proof()))
  await refused(browser.copy('none').register(proof()))
  await refused(browser.register(new Device(1024).register(String(browser.registration))))
  clock.advance(300)
  await refused(browser.register(proof()))
  t.equal((await app.sessions.devices('ada'))[0]?.deviceBinding, undefined)
})

test('a session is bound once', async (t) => {
  const { app, clock } = await buildApp(t, options)
  const browser = new Browser(app)
  await browser.login()
  const thief = browser.copy()
  const proof = browser.device.register(String(browser.registration))
  t.equal((await browser.register(proof)).statusCode, 200)
  t.equal((await browser.register(proof)).statusCode, 401, 'the same proof again')
  thief.registration = browser.registration
  t.equal((await thief.register()).statusCode, 401, 'another key')
  t.equal(await browser.me(), 200)
  clock.advance(1)
})

test('a session is bound although the answer of the store was lost', async (t) => {
  const store = memoryStore()
  const { app } = await buildApp(t, { ...options, store })
  const browser = new Browser(app)
  await browser.login()
  const proof = browser.device.register(String(browser.registration))
  const replace = store.replace.bind(store)
  // As a client of Redis that sends the command again by itself.
  store.replace = async (record, revision) => {
    await replace(record, revision)
    return replace(record, revision)
  }
  t.equal((await browser.register(proof)).statusCode, 200)
  t.equal(await browser.me(), 200)
  t.equal((await browser.register(proof)).statusCode, 401, 'the same proof again')
})

test('a session that ended before it was bound is not bound', async (t) => {
  const { app } = await buildApp(t, options)
  const browser = new Browser(app)
  const handle = await browser.login()
  await app.sessions.revoke(handle)
  t.equal((await browser.register()).statusCode, 401)
})

test('where the store is asked, a token from before the binding ends with it', async (t) => {
  const { app, clock } = await buildApp(t, options)
  app.get('/now', { preHandler: app.verifySession({ checkDatabase: true }) }, async () => 'in')
  const browser = new Browser(app)
  await browser.login()
  clock.advance(1)
  await browser.refresh()
  const early = browser.copy()
  await browser.register()
  t.equal((await browser.send('GET', '/now')).statusCode, 200)
  t.equal((await early.send('GET', '/now')).statusCode, 401)
  t.equal((await early.refresh()).statusCode, 401)
})

test('after a sign-out the browser is told to stop, and loses the bound cookie', async (t) => {
  const { browser, handle, clock } = await boundBrowser(t)
  clock.advance(1)
  await browser.refreshDevice(handle)
  const proof = browser.answer()
  const reply = await browser.send('POST', '/auth/signout')
  t.equal(reply.statusCode, 200)
  t.same([...browser.jar.keys()], [])
  t.same((await browser.refreshDevice(handle, proof)).json(), {
    session_identifier: handle,
    continue: false
  })
})

test('a session that ends while its cookie is renewed brings no cookie', async (t) => {
  const store = memoryStore()
  const { app, browser, handle, clock } = await boundBrowser(t, { store })
  clock.advance(1)
  await browser.refreshDevice(handle)
  const replace = store.replace.bind(store)
  store.replace = async (record, revision) => {
    await app.sessions.revoke(handle)
    return replace(record, revision)
  }
  const reply = await browser.refreshDevice(handle, browser.answer())
  t.same(reply.json(), { session_identifier: handle, continue: false })
  t.same(reply.cookies, [])
})

test('the refresh route of the device needs the id of a session', async (t) => {
  const { browser, handle } = await boundBrowser(t)
  const url = '/auth/session/device/refresh'
  t.equal((await browser.send('POST', url)).statusCode, 401)
  for (const id of ['x', `${handle} zzzzzzz0`, `"${handle}" zzzzzzz0`]) {
    const reply = await browser.send('POST', url, { 'sec-secure-session-id': id })
    t.equal(reply.statusCode, 401, id)
    t.equal(reply.headers['secure-session-challenge'], undefined, 'no challenge is made of it')
  }
})

test('a login beside a copied token of a bound session does not end that', async (t) => {
  const { app, browser } = await boundBrowser(t)
  const login = (cookie: string) =>
    app.inject({
      method: 'POST',
      url: '/login',
      payload: { userId: 'eve' },
      headers: { cookie, 'st-auth-mode': 'cookie' }
    })
  const access = `sAccessToken=${browser.jar.get('sAccessToken')}`
  t.equal((await login(access)).statusCode, 200)
  t.equal((await app.sessions.list('ada')).length, 1)
  t.equal(await browser.me(), 200)
  await login(`${access}; ${COOKIE}=${browser.jar.get(COOKIE)}`)
  t.same(await app.sessions.list('ada'), [], 'the device itself ends it')
})

test('the binding outlives refreshes, claims and a change of the secret', async (t) => {
  const store = memoryStore()
  const { app, browser } = await boundBrowser(t, { store })
  t.equal((await browser.refresh()).statusCode, 200)
  t.match(payloadOf(browser.jar.get('sAccessToken'))['cnf'], { jkt: /./ })
  t.equal(await browser.me(), 200)
  const [handle = ''] = await app.sessions.list('ada')
  await app.sessions.mergePayload(handle, { plan: 'pro' })
  t.equal((await browser.refresh()).statusCode, 200)
  t.match(payloadOf(browser.jar.get('sAccessToken')), { plan: 'pro', cnf: { jkt: /./ } })

  const secret = ['a newer secret of the app, 32 bytes', String(options.secret)]
  const next = await buildApp(t, { ...options, secret, store })
  const moved = new Browser(next.app)
  for (const [name, value] of browser.jar) moved.jar.set(name, value)
  t.equal(await moved.me(), 200)
})

test('a website of another origin may let the browser renew the cookie', async (t) => {
  const appInfo = { apiDomain: ORIGIN, websiteDomain: 'https://example.com' }
  const { app } = await buildApp(t, { ...options, appInfo })
  const browser = new Browser(app)
  await browser.login()
  t.match((await browser.register()).json(), { allowed_refresh_initiators: ['example.com'] })
  const origin = () => 'https://example.com'
  const many = await buildApp(t, { ...options, appInfo: { apiDomain: ORIGIN, origin } })
  const other = new Browser(many.app)
  await other.login()
  t.equal((await other.register()).json().allowed_refresh_initiators, undefined)
})

test('the bound cookie reaches the API and the refresh route, and no other path', async (t) => {
  const pathOf = async (appInfo: object, accessTokenPath: string) => {
    const { app } = await buildApp(t, {
      ...options,
      appInfo: { apiDomain: ORIGIN, ...appInfo },
      accessTokenPath
    })
    const browser = new Browser(app)
    await browser.login()
    const { base = '/auth' } = { base: (appInfo as { apiBasePath?: string }).apiBasePath }
    const headers = {
      'secure-session-response': browser.device.register(String(browser.registration))
    }
    const reply = await browser.send('POST', `${base}/session/device`, headers)
    return reply.cookies.find(({ name }) => name.endsWith('sDevice'))
  }
  t.match(await pathOf({ apiBasePath: '/api/auth' }, '/api'), {
    name: '__Secure-sDevice',
    path: '/api'
  })
  t.match(await pathOf({}, '/api'), { name: COOKIE, path: '/' })
})

test('a browser that skips a renewal keeps its tokens, and goes on when it has renewed', async (t) => {
  const { browser, clock, handle } = await boundBrowser(t)
  clock.advance(600)
  browser.jar.delete(COOKIE)
  const skipped = { 'secure-session-skipped': `unreachable;session_identifier="${handle}"` }
  for (const [method, url] of [
    ['GET', '/me'],
    ['POST', '/auth/session/refresh']
  ] as const) {
    const reply = await browser.send(method, url, skipped)
    t.equal(reply.statusCode, 401, url)
    t.same(reply.cookies, [])
  }
  await browser.refreshDevice(handle)
  await browser.refreshDevice(handle, browser.answer())
  t.equal(await browser.me(), 200)
})

test('tabs of a bound session may refresh at the same time', async (t) => {
  const { browser, app, handle } = await boundBrowser(t)
  const tabs = [browser.copy(), browser.copy()]
  const replies = await Promise.all(tabs.map((tab) => tab.refresh()))
  t.same(
    replies.map(({ statusCode }) => statusCode),
    [200, 200]
  )
  for (const tab of tabs) t.equal(await tab.me(), 200)
  t.equal((await (tabs[0] as Browser).refresh()).statusCode, 200)
  t.same(await app.sessions.list('ada'), [handle], 'nobody is taken for a thief')
})

test('a copied profile and a cleared key end with the bound cookie', async (t) => {
  const { browser, clock, handle } = await boundBrowser(t)
  const copied = browser.copy()
  clock.advance(600)
  await copied.refreshDevice(handle)
  t.equal((await copied.refreshDevice(handle, copied.answer())).statusCode, 401)
  t.equal(await copied.me(), 401)
  const handleAfter = await copied.login()
  t.not(handleAfter, handle)
  t.equal((await copied.register()).statusCode, 200, 'a new login is bound to the new key')
  t.equal(await copied.me(), 200)
})

test('a durable store keeps the binding', async (t) => {
  const path = await newFolder(t)
  const { app, clock, browser, handle } = await boundBrowser(t, { store: lmdbStore({ path }) })
  clock.advance(1)
  await browser.refreshDevice(handle)
  t.equal((await browser.refreshDevice(handle, browser.answer())).statusCode, 200)
  t.equal((await browser.refresh()).statusCode, 200)
  t.equal(await browser.me(), 200)
  t.equal((await app.sessions.info(handle))?.deviceBinding, 'dbsc')
})

test('of several access cookies the one that verifies is bound', async (t) => {
  const { app } = await buildApp(t, options)
  const browser = new Browser(app)
  const handle = await browser.login()
  const good = String(browser.jar.get('sAccessToken'))
  browser.jar.set('sAccessToken', `junk; sAccessToken=${good}`)
  t.equal((await browser.register()).json().session_identifier, handle)
})

test('without the option nothing of it is there', async (t) => {
  const { app } = await buildApp(t, { appInfo: { apiDomain: ORIGIN } })
  app.get('/bound', { preHandler: app.verifySession({ deviceBound: true }) }, async () => 'in')
  const browser = new Browser(app)
  const reply = await browser.send('POST', '/login', {}, { userId: 'ada' })
  t.equal(reply.headers['secure-session-registration'], undefined)
  t.equal((await browser.register('proof')).statusCode, 404)
  t.equal((await browser.refreshDevice('handle')).statusCode, 404)
  t.equal(await browser.me(), 200)
  t.equal((await browser.send('GET', '/bound')).statusCode, 403, 'what asks for it is refused')
  const authorization = `DPoP ${browser.jar.get('sAccessToken')}`
  t.equal((await app.inject({ url: '/me', headers: { authorization } })).statusCode, 401)
})
