import Fastify from 'fastify'
import { test } from 'tap'
import supersession, {
  HTTPException,
  type SessionApis,
  type Sessions,
  UnauthorisedError
} from '../../lib/index.ts'
import { buildApp, FAST_KEYS } from '../builders/app.ts'
import { Client } from '../builders/client.ts'

test('an overridden function is what requests, hooks and routes go through', async (t) => {
  const calls: string[] = []
  const { app } = await buildApp(t, {
    override: {
      functions: (original) => ({
        ...original,
        create: (request, reply, input) => {
          calls.push('create')
          return original.create(request, reply, { ...input, sessionData: { from: request.url } })
        },
        get: ((...args: Parameters<typeof original.get>) => {
          calls.push('get')
          return original.get(...args)
        }) as typeof original.get,
        refresh: (request, reply) => {
          calls.push('refresh')
          return original.refresh(request, reply)
        },
        info: (handle) => {
          calls.push('info')
          return original.info(handle)
        },
        revoke: (handle) => {
          calls.push('revoke')
          return original.revoke(handle)
        }
      })
    }
  })
  app.get('/data', { preHandler: app.verifySession() }, async ({ session }) => session.getData())
  const client = new Client(app, 'header')
  await client.login()
  t.same((await client.get('/data')).json(), { from: '/login' })
  await client.refresh()
  await client.post('/auth/signout')
  t.same(calls, ['create', 'get', 'info', 'refresh', 'get', 'revoke'])
})

test('hooks go through get, whenever the app puts its own there', async (t) => {
  const closed = (async () => {
    throw new HTTPException(503)
  }) as unknown as Sessions['get']
  const changing = (original: Sessions) => Object.assign(original, { get: closed })
  const { app: given } = await buildApp(t, { override: { functions: changing } })
  t.equal((await given.inject('/me')).statusCode, 503, 'into the object that it was given')

  const { app: later } = await buildApp(t)
  t.equal((await later.inject('/me')).statusCode, 401)
  Object.assign(later.sessions, { get: closed })
  t.equal((await later.inject('/me')).statusCode, 503, 'later, as tests do')
})

test('a refusal that an override answers is refused', async (t) => {
  const answering = (original: Sessions) => ({
    ...original,
    get: (async () => new UnauthorisedError()) as unknown as Sessions['get']
  })
  const { app } = await buildApp(t, { override: { functions: answering } })
  t.equal((await app.inject('/me')).statusCode, 401)
})

test('functions of app.sessions can be taken apart', async (t) => {
  const { app } = await buildApp(t)
  const { issue, list } = app.sessions
  const { session } = await issue({ userId: 'ada' })
  t.same(await list('ada'), [session.handle])
})

test('routes can be replaced and switched off', async (t) => {
  const { app } = await buildApp(t, {
    override: {
      apis: (original) => ({
        ...original,
        refreshPOST: undefined,
        jwksGET: undefined,
        signOutPOST: async (request, reply) => ({
          ...((await original.signOutPOST?.(request, reply)) as object),
          bye: true
        })
      })
    }
  })
  app.post('/auth/session/refresh', async (request, reply) => {
    const { userId } = await app.sessions.refresh(request, reply)
    return { userId }
  })
  const client = new Client(app, 'cookie')
  await client.login()
  t.same((await client.refresh()).json(), { userId: 'ada' }, 'a route of the app takes the place')
  t.same((await client.post('/auth/signout')).json(), { status: 'OK', bye: true })
  t.equal((await app.inject('/auth/jwt/jwks.json')).statusCode, 404)
  t.equal((await app.inject('/auth/.well-known/openid-configuration')).statusCode, 200)
})

test('overrides of refresh and sign-out find the session when the original has answered', async (t) => {
  const seen: string[] = []
  const { app } = await buildApp(t, {
    override: {
      apis: (original) => ({
        ...original,
        refreshPOST: async (request, reply) => {
          const body = await original.refreshPOST?.(request, reply)
          seen.push(`refreshed ${request.session.userId}`)
          return body
        },
        signOutPOST: async (request, reply) => {
          const body = await original.signOutPOST?.(request, reply)
          seen.push(`ended ${request.session.userId}`)
          return body
        }
      })
    }
  })
  const client = new Client(app, 'cookie')
  await client.login('ada')
  t.equal((await client.refresh()).statusCode, 200)
  t.equal((await client.post('/auth/signout')).statusCode, 200)
  t.same(seen, ['refreshed ada', 'ended ada'])
})

test('what there is none of cannot be overridden', async (t) => {
  const overrides = [
    [{ functions: (ours: Sessions) => ({ ...ours, createNewSession: ours.create }) }, /functions/],
    [{ apis: (ours: SessionApis) => ({ ...ours, signOutPost: undefined }) }, /apis/]
  ] as const
  for (const [override, message] of overrides) {
    const app = Fastify()
    await t.rejects(async () => app.register(supersession, { ...FAST_KEYS, override }), {
      code: 'SUPERSESSION_INVALID_OPTION',
      message
    })
    await app.close()
  }
})
