import supertokens from 'supertokens-node'
import { errorHandler } from 'supertokens-node/framework/fastify/index.js'
import { verifySession } from 'supertokens-node/recipe/session/framework/fastify/index.js'
import Session, { Error as SDKError } from 'supertokens-node/recipe/session/index.js'
import { test } from 'tap'
import {
  InvalidClaimsError,
  TokenTheftDetectedError,
  UnauthorisedError
} from '../../lib/errors/index.ts'
import { installErrors } from '../../lib/errors/plugin.ts'
import { useSdkErrorHandler, wrapSdkVerifySession } from '../../lib/supertokens/index.ts'
import { errorApp, throwing } from '../errors/error-app.ts'

const { PluginError, RecipeUserId } = supertokens.default

supertokens.default.init({
  framework: 'fastify',
  telemetry: false,
  // Nothing listens there: what is tested needs no core.
  supertokens: { connectionURI: 'http://127.0.0.1:1' },
  appInfo: { apiDomain: 'http://a.test', websiteDomain: 'http://a.test', appName: 'a' },
  recipeList: [
    Session.default.init({
      errorHandlers: {
        onUnauthorised: async (_message, _request, response) => {
          response.setStatusCode(401)
          response.sendJSONResponse({ by: 'the SDK' })
        }
      }
    })
  ]
})

const getSession = async (request: unknown, reply: unknown) =>
  await Session.default.getSession(request as never, reply as never)

test('an error of the real SDK is answered like one of ours', async (t) => {
  const { app } = await errorApp(t)
  app.get('/', async (request, reply) => {
    await getSession(request, reply)
    return 'ok'
  })
  const reply = await app.inject('/')
  t.equal(reply.statusCode, 401)
  t.equal(reply.body, '{"message":"unauthorised"}')
})

test('every session error of the SDK becomes an instance of our class', async (t) => {
  const cleared: string[] = []
  const { app } = await errorApp(t)
  installErrors(app, {}, ({ url }) => void cleared.push(url))
  app.setExceptionHandler(TokenTheftDetectedError, ({ payload, cause }) => ({
    payload,
    isSDK: cause instanceof SDKError
  }))
  app.setExceptionHandler(InvalidClaimsError, ({ payload }) => ({ payload }))
  const message = 'from the SDK'
  const recipeUserId = new RecipeUserId('ada-2')
  const payload = { userId: 'ada', recipeUserId, sessionHandle: 'h' }
  const claims = [{ id: 'role', reason: 'no' }]
  const thrown = {
    '/theft': new SDKError({ message, type: 'TOKEN_THEFT_DETECTED', payload }),
    '/claims': new SDKError({ message, type: 'INVALID_CLAIMS', payload: claims }),
    '/refresh': new SDKError({ message, type: 'TRY_REFRESH_TOKEN' }),
    '/none': new SDKError({ message, type: 'UNAUTHORISED' }),
    '/keep': new SDKError({ message, type: 'UNAUTHORISED', payload: { clearTokens: false } }),
    '/twice': new SDKError({ message, type: 'CLEAR_DUPLICATE_SESSION_COOKIES' })
  }
  for (const [url, error] of Object.entries(thrown)) throwing(app, url, error)
  const json = async (url: string) => (await app.inject(url)).json()
  t.same(await json('/theft'), {
    payload: { userId: 'ada', recipeUserId: 'ada-2', sessionHandle: 'h' },
    isSDK: true
  })
  t.same(await json('/claims'), { payload: claims })
  t.same(await json('/refresh'), { message: 'try refresh token' })
  t.same(await json('/none'), { message: 'unauthorised' })
  t.same(await json('/keep'), { message: 'unauthorised' })
  t.same(await json('/twice'), { message })
  t.same(cleared, ['/theft', '/none'])
})

test('the other errors of the SDK have statuses of their own', async (t) => {
  const { app, lines } = await errorApp(t)
  const message = 'm'
  throwing(app, '/bad', Object.assign(sdkError('BAD_INPUT_ERROR', message)))
  throwing(app, '/plugin', new PluginError({ message, code: 409 } as never))
  throwing(app, '/plugin400', Object.assign(sdkError('PLUGIN_ERROR', message), { code: 99 }))
  throwing(app, '/unknown', sdkError('UNKNOWN_ERROR', 'secret'))
  for (const [url, status, text] of [
    ['/bad', 400, message],
    ['/plugin', 409, message],
    ['/plugin400', 400, message],
    ['/unknown', 500, 'Unknown error']
  ] as const) {
    const reply = await app.inject(url)
    t.equal(reply.statusCode, status)
    t.same(reply.json(), { message: text })
  }
  t.ok(lines.some(({ level }) => level === 50))
})

/** An error as the SDK makes it, of a type that its public class does not offer. */
function sdkError(type: string, message: string): Error {
  const error = new SDKError({ message, type: 'TRY_REFRESH_TOKEN' })
  return Object.assign(error, { type, fromRecipe: undefined })
}

test('nothing but an Error can pass for a session error', async (t) => {
  const { app } = await errorApp(t)
  throwing(app, '/plain', { type: 'UNAUTHORISED', fromRecipe: 'session' })
  throwing(app, '/typed', Object.assign(new Error('x'), { type: 'UNAUTHORISED' }))
  throwing(app, '/untyped', Object.assign(new Error('x'), { fromRecipe: 'session', type: 7 }))
  for (const url of ['/plain', '/typed', '/untyped']) {
    t.equal((await app.inject(url)).statusCode, 500)
  }
})

test('payloads of a wrong form do no harm', async (t) => {
  const { app } = await errorApp(t)
  const session = (type: string, payload?: unknown) =>
    Object.assign(new Error('x'), { fromRecipe: 'session', type, payload })
  throwing(app, '/theft', session('TOKEN_THEFT_DETECTED', { userId: 'u' }))
  throwing(app, '/claims', session('INVALID_CLAIMS', 'none'))
  t.equal((await app.inject('/theft')).statusCode, 401)
  t.same((await app.inject('/claims')).json().claimValidationErrors, [])
})

test('errors of the SDK can be left to the SDK, and no others', async (t) => {
  const { app } = await errorApp(t)
  useSdkErrorHandler(app, errorHandler())
  app.get('/', async (request, reply) => {
    await getSession(request, reply)
    return 'ok'
  })
  throwing(app, '/ours', new UnauthorisedError())
  throwing(app, '/claims', new SDKError({ message: 'm', type: 'INVALID_CLAIMS', payload: [] }))
  t.same((await app.inject('/')).json(), { by: 'the SDK' })
  t.same((await app.inject('/ours')).json(), { message: 'unauthorised' })
  t.equal((await app.inject('/claims')).statusCode, 403)
})

test('what the app says for a key goes before the SDK', async (t) => {
  const { app } = await errorApp(t, {
    exceptionHandlers: { UNAUTHORISED: () => ({ by: 'the app' }) }
  })
  useSdkErrorHandler(app, errorHandler())
  app.get('/', getSession)
  t.same((await app.inject('/')).json(), { by: 'the app' })
  for (const wrong of [undefined, 1, { errorHandler: errorHandler() }])
    t.throws(() => useSdkErrorHandler(app, wrong as never), { message: /must be a function/ })
})

test('verifying through the SDK fails once, also with a slow onSend hook', async (t) => {
  const { app } = await errorApp(t)
  app.addHook('onSend', async () => await new Promise((resolve) => setImmediate(resolve)))
  const preHandler = wrapSdkVerifySession(Session.default)
  app.get('/', { preHandler }, async () => t.fail('must not run'))
  const reply = await app.inject('/')
  t.equal(reply.statusCode, 401)
  t.equal(reply.body, '{"message":"unauthorised"}')
})

test('a session that the SDK finds is on the request', async (t) => {
  const { app } = await errorApp(t)
  const preHandler = wrapSdkVerifySession({ getSession: async () => ({ userId: 'ada' }) })
  app.get('/', { preHandler }, async (request) => (request as { session?: unknown }).session)
  t.same((await app.inject('/')).json(), { userId: 'ada' })
})

test("the SDK's own verifySession gets one reply too, where nothing waits in onSend", async (t) => {
  const { app } = await errorApp(t)
  app.get('/', { preHandler: verifySession() as never }, async () => t.fail('must not run'))
  t.same((await app.inject('/')).json(), { by: 'the SDK' })
})

test('a thrown null is a 500 like any other', async (t) => {
  const { app } = await errorApp(t)
  useSdkErrorHandler(app, errorHandler())
  throwing(app, '/', null)
  const reply = await app.inject('/')
  t.equal(reply.statusCode, 500)
  t.equal(reply.body, '{"detail":"Internal Server Error"}')
})
