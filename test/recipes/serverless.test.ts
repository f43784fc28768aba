import type { LambdaResponse } from '@fastify/aws-lambda'
import { type Test, test } from 'tap'
import { buildHandler } from '../../examples/recipes/serverless.ts'
import { refuseBadLogins } from '../builders/bad-logins.ts'
import { type DurableStore, durableStores, openBackend } from '../builders/durable-stores.ts'
import { checkPageCode } from '../builders/page-code.ts'

/** Starts instances of the function, as Lambda does, on one store. */
async function opener(t: Test) {
  process.env['SESSION_SECRET'] = 'thirty-two characters are needed'
  const openStore = await openBackend(t, durableStores[0] as DurableStore)
  return async () => {
    const { app, handler } = await buildHandler(openStore())
    t.teardown(() => app.close())
    const invoke = async (method: string, path: string, cookies: string[] = [], body = '') =>
      handler(eventOf(method, path, cookies, body), {} as never)
    return { app, invoke }
  }
}

/** An event of API Gateway, payload format 2.0. */
function eventOf(method: string, path: string, cookies: string[], body: string): object {
  return {
    version: '2.0',
    rawPath: path,
    cookies,
    headers: {
      host: 'api.example.com',
      origin: 'https://www.example.com',
      'st-auth-mode': 'cookie',
      ...(body !== '' && { 'content-type': 'application/json' })
    },
    requestContext: { http: { method, path, sourceIp: '203.0.113.7' }, stage: '$default' },
    body,
    isBase64Encoded: false
  }
}

function cookiesOf({ cookies = [] }: LambdaResponse): string[] {
  return cookies.map((cookie) => String(cookie.split(';')[0]))
}

test('the page shows the example', async (t) => {
  await checkPageCode(t, 'docs/recipes/serverless.md')
})

test('a session of one instance is known to another, cookies included', async (t) => {
  const start = await opener(t)
  const [one, two] = [await start(), await start()]
  const login = await one.invoke('POST', '/login', [], '{"userId":"ada"}')
  t.equal(login.statusCode, 200)
  t.equal(login.cookies?.length, 2)
  const me = await two.invoke('GET', '/me', cookiesOf(login))
  t.same(JSON.parse(me.body), { userId: 'ada', ip: '203.0.113.7' })
  const refresh = await two.invoke('POST', '/auth/session/refresh', cookiesOf(login))
  t.equal(refresh.statusCode, 200)
  const again = await one.invoke('GET', '/me', cookiesOf(refresh))
  t.equal(again.statusCode, 200)
})

test('what another instance has revoked is refused where the store is asked', async (t) => {
  const start = await opener(t)
  const [one, two] = [await start(), await start()]
  const cookies = cookiesOf(await one.invoke('POST', '/login', [], '{"userId":"ada"}'))
  t.equal((await two.invoke('POST', '/order', cookies)).statusCode, 200)
  await one.app.sessions.revokeAll('ada')
  t.equal((await two.invoke('POST', '/order', cookies)).statusCode, 401)
  t.equal((await two.invoke('GET', '/me', cookies)).statusCode, 200, 'for ten minutes at most')
})

test('a login without a user of any use is 422', async (t) => {
  const start = await opener(t)
  await refuseBadLogins(t, (await start()).app)
})

test('a start without a secret is refused', async (t) => {
  const openStore = await openBackend(t, durableStores[0] as DurableStore)
  delete process.env['SESSION_SECRET']
  await t.rejects(buildHandler(openStore()), /'secret' must be/)
})
