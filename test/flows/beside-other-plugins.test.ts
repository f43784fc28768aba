import { createRequire } from 'node:module'
import cookie from '@fastify/cookie'
import csrfProtection from '@fastify/csrf-protection'
import oauth2 from '@fastify/oauth2'
import rateLimit from '@fastify/rate-limit'
import Fastify, { type FastifyInstance, type FastifyPluginAsync } from 'fastify'
import { test } from 'tap'
import supersession from '../../lib/index.ts'
import { addRoutes, FAST_KEYS } from '../builders/app.ts'
import { Client } from '../builders/client.ts'

// Not by import: their declarations of `request.session` are at odds with ours.
const require = createRequire(import.meta.url)
const secureSession: FastifyPluginAsync<
  Record<string, unknown>
> = require('@fastify/secure-session')
const serverSession: FastifyPluginAsync<Record<string, unknown>> = require('@fastify/session')

/** How another plugin is registered, and what shows that it works. */
interface Other {
  readonly register: (app: FastifyInstance) => Promise<void>
  /** Whether it takes `request.session` for itself. */
  readonly takesSession?: boolean
  readonly addRoutes?: (app: FastifyInstance) => void
  readonly works: (app: FastifyInstance) => Promise<unknown>
  readonly expected: unknown
}

const KEY = Buffer.alloc(32, 'k')

/** Sets a value with one request and reads it with the next, by the cookie that came between. */
async function readBack(app: FastifyInstance): Promise<unknown> {
  const set = await app.inject('/other/set')
  const [first] = [set.headers['set-cookie']].flat()
  const headers = { cookie: String(first).split(';')[0] as string }
  return (await app.inject({ url: '/other/get', headers })).json()
}

interface Values {
  get(name: string): unknown
  set(name: string, value: unknown): void
}

function addValueRoutes(app: FastifyInstance, property: string): void {
  const valuesOf = (request: object) => (request as Record<string, unknown>)[property] as Values
  app.get('/other/set', async (request) => {
    valuesOf(request).set('colour', 'blue')
    return {}
  })
  app.get('/other/get', async (request) => ({ colour: valuesOf(request).get('colour') }))
}

const OTHERS: Readonly<Record<string, Other>> = {
  '@fastify/secure-session': {
    register: async (app) =>
      void (await app.register(secureSession, { key: KEY, sessionName: 'secure' })),
    addRoutes: (app) => addValueRoutes(app, 'secure'),
    works: readBack,
    expected: { colour: 'blue' }
  },
  '@fastify/session': {
    register: async (app) => {
      await app.register(cookie)
      await app.register(serverSession, { secret: KEY.toString(), cookie: { secure: false } })
    },
    takesSession: true,
    addRoutes: (app) => addValueRoutes(app, 'session'),
    works: readBack,
    expected: { colour: 'blue' }
  },
  '@fastify/csrf-protection': {
    register: async (app) => {
      await app.register(cookie)
      await app.register(csrfProtection)
    },
    addRoutes(app) {
      app.get('/other/token', async (_request, reply) => ({ token: reply.generateCsrf() }))
      app.post('/other/post', { preHandler: app.csrfProtection }, async () => ({ done: true }))
    },
    async works(app) {
      const given = await app.inject('/other/token')
      const headers = {
        cookie: String(given.headers['set-cookie']).split(';')[0] as string,
        'csrf-token': given.json().token
      }
      const without = await app.inject({ method: 'POST', url: '/other/post' })
      const { done } = (await app.inject({ method: 'POST', url: '/other/post', headers })).json()
      return { without: without.statusCode, done }
    },
    expected: { without: 403, done: true }
  },
  '@fastify/oauth2': {
    async register(app) {
      await app.register(oauth2, {
        name: 'somewhere',
        credentials: {
          client: { id: 'id', secret: 'secret' },
          auth: {
            authorizeHost: 'https://id.example.com',
            authorizePath: '/authorize',
            tokenHost: 'https://id.example.com',
            tokenPath: '/token'
          }
        },
        startRedirectPath: '/other/login',
        callbackUri: 'http://localhost:3000/other/callback'
      })
    },
    async works(app) {
      const reply = await app.inject('/other/login')
      const state = new URL(String(reply.headers.location)).searchParams.get('state')
      const cookies = [reply.headers['set-cookie']].flat().join()
      return { status: reply.statusCode, isStateKept: state !== null && cookies.includes(state) }
    },
    expected: { status: 302, isStateKept: true }
  },
  '@fastify/rate-limit': {
    async register(app) {
      await app.register(rateLimit, {
        global: false,
        errorResponseBuilder: (_request, { statusCode, after }) => ({
          statusCode,
          message: `slow down, for ${after}`
        })
      })
    },
    addRoutes(app) {
      const config = { rateLimit: { max: 1, timeWindow: '1 minute' } }
      app.get('/other/limited', { config }, async () => ({ in: true }))
    },
    async works(app) {
      const first = await app.inject('/other/limited')
      const { statusCode, headers, body } = await app.inject('/other/limited')
      return {
        first: first.statusCode,
        statusCode,
        saysWhen: Number(headers['retry-after']) > 0,
        saysWhy: body.includes('slow down')
      }
    },
    expected: { first: 200, statusCode: 429, saysWhen: true, saysWhy: true }
  }
}

for (const [name, other] of Object.entries(OTHERS))
  for (const order of ['before', 'after', 'in a scope'] as const)
    test(`${name} ${order}: both work as alone`, async (t) => {
      const app = Fastify()
      t.teardown(() => app.close())
      const requestProperty =
        other.takesSession === true && order !== 'in a scope' ? 'login' : 'session'
      const ours = async () => {
        await app.register(supersession, { ...FAST_KEYS, requestProperty })
      }
      if (order === 'before') await other.register(app)
      await ours()
      if (order === 'after') await other.register(app)
      if (order === 'in a scope')
        await app.register(async (scope) => {
          if (other.takesSession === true) return
          await other.register(scope)
          other.addRoutes?.(scope)
        })
      else other.addRoutes?.(app)
      if (requestProperty === 'session') addRoutes(app)
      else {
        app.post<{ Body: { userId: string } }>('/login', async (request, reply) => {
          const { handle } = await app.sessions.create(request, reply, request.body)
          return { handle }
        })
        app.get('/me', { preHandler: app.verifySession() }, async (request) => {
          const { userId } = (request as unknown as { login: { userId: string } }).login
          return { userId }
        })
      }
      await app.ready()

      for (const method of ['cookie', 'header'] as const) {
        const client = new Client(app, method)
        t.equal((await client.login()).statusCode, 200)
        t.match((await client.get('/me')).json(), { userId: 'ada' })
        t.equal((await client.refresh()).statusCode, 200)
        t.match((await client.get('/me')).json(), { userId: 'ada' })
      }
      t.equal((await app.inject('/me')).statusCode, 401)
      if (other.takesSession !== true || order !== 'in a scope')
        t.same(await other.works(app), other.expected)
    })
