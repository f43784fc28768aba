import cookie from '@fastify/cookie'
import Fastify, { type FastifyError, type FastifyInstance } from 'fastify'
import { type Test, test } from 'tap'
import { buildApp } from '../../examples/recipes/existing-app.ts'
import { FAST_KEYS } from '../builders/app.ts'
import { Client } from '../builders/client.ts'
import { checkPageCode } from '../builders/page-code.ts'

const ADA = { name: 'ada', password: 'correct horse' }

async function findUser(name: string, password: string): Promise<{ id: number } | null> {
  if (name === 'broken') throw new Error('the table is gone')
  return name === ADA.name && password === ADA.password ? { id: 7 } : null
}

async function open(t: Test): Promise<FastifyInstance> {
  const app = await buildApp(findUser, FAST_KEYS)
  t.teardown(() => app.close())
  return app
}

/** The app as it was before: the same routes and handlers, without the plugin. */
async function openFormer(t: Test): Promise<FastifyInstance> {
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(cookie)
  app.setErrorHandler<FastifyError>((error, _request, reply) => {
    const status = error.statusCode ?? 500
    return reply.code(status).send({ error: status < 500 ? error.message : 'broken' })
  })
  const body = {
    type: 'object',
    required: ['name', 'password'],
    properties: { name: { type: 'string' }, password: { type: 'string', maxLength: 200 } }
  }
  app.post<{ Body: typeof ADA }>('/api/login', { schema: { body } }, async (request, reply) => {
    const user = await findUser(request.body.name, request.body.password)
    if (user === null) return reply.code(403).send({ error: 'wrong name or password' })
    reply.setCookie('theme', 'dark', { path: '/' })
    return { id: user.id }
  })
  return app
}

test('the page shows the example', async (t) => {
  await checkPageCode(t, 'docs/recipes/existing-app.md')
})

test('clients see what they saw before, with the login and its errors', async (t) => {
  const [before, after] = [await openFormer(t), await open(t)]
  const json = { 'content-type': 'application/json' }
  for (const [what, payload, headers] of [
    ['a login', JSON.stringify(ADA), json],
    ['a wrong password', JSON.stringify({ ...ADA, password: 'x' }), json],
    ['a body that lacks something', '{}', json],
    ['a value that is too long', JSON.stringify({ ...ADA, password: 'x'.repeat(201) }), json],
    ['malformed JSON', '{', json],
    ['another media type', 'x', { 'content-type': 'application/x' }],
    ['an error that nobody expects', JSON.stringify({ ...ADA, name: 'broken' }), json]
  ] as const) {
    const send = async (app: FastifyInstance) => {
      const reply = await app.inject({ method: 'POST', url: '/api/login', payload, headers })
      return { status: reply.statusCode, type: reply.headers['content-type'], body: reply.json() }
    }
    t.same(await send(after), await send(before), what)
  }
})

test('another method on a known path is a 404, as before', async (t) => {
  for (const app of [await openFormer(t), await open(t)]) {
    const reply = await app.inject('/api/login')
    t.match(reply.json(), { statusCode: 404, error: 'Not Found' })
  }
})

test('the cookie of the app and those of the session travel side by side', async (t) => {
  const app = await open(t)
  const login = await app.inject({
    method: 'POST',
    url: '/api/login',
    headers: { 'sec-fetch-site': 'same-origin' },
    payload: ADA
  })
  const cookies = Object.fromEntries(login.cookies.map(({ name, value }) => [name, value]))
  t.same(Object.keys(cookies).sort(), ['sAccessToken', 'sRefreshToken', 'theme'])
  const me = await app.inject({ url: '/api/me', cookies })
  t.same(me.json(), { id: 7, theme: 'dark' })
})

test('session errors keep the form that front ends know, in the scope as well', async (t) => {
  const app = await open(t)
  const nobody = await app.inject('/api/me')
  t.equal(nobody.statusCode, 401)
  t.same(nobody.json(), { message: 'unauthorised' })
  const client = new Client(app, 'cookie')
  await client.login('ada', ADA, '/api/login')
  await app.sessions.revokeAll('7')
  const revoked = await client.get('/api/me')
  t.same(revoked.json(), { message: 'unauthorised' })
  t.same(revoked.cookies.map(({ name }) => name).sort(), ['sAccessToken', 'sRefreshToken'])
})
