import { type Test, test } from 'tap'
import errors, {
  ClearDuplicateSessionCookiesError,
  type ErrorsOptions,
  HTTPException,
  InvalidClaimsError,
  type SessionError,
  sessionErrorHandler,
  TokenTheftDetectedError,
  TryRefreshTokenError,
  UnauthorisedError
} from '../../lib/errors/index.ts'
import { installErrors } from '../../lib/errors/plugin.ts'
import { errorApp, throwing } from './error-app.ts'

const theft = { sessionHandle: 'handle-1', userId: 'ada', recipeUserId: 'ada-2' }
const claims = [{ id: 'role', reason: { message: 'wrong value' } }]

/** An app with a route that throws, and a record of the requests whose tokens are cleared. */
async function sessionApp(t: Test, error: SessionError, options: ErrorsOptions = {}) {
  const { app, lines } = await errorApp(t)
  const cleared: string[] = []
  await app.register(async (scope) => {
    installErrors(scope, options, ({ url }) => void cleared.push(url))
    throwing(scope, '/', error)
  })
  return { app, lines, cleared }
}

test('no session is a 401 that takes the tokens away', async (t) => {
  const { app, cleared } = await sessionApp(t, new UnauthorisedError('token expired and secret'))
  const reply = await app.inject('/')
  t.equal(reply.statusCode, 401)
  t.equal(reply.body, '{"message":"unauthorised"}')
  t.same(cleared, ['/'])
})

test('an error that says so leaves the tokens alone', async (t) => {
  const error = new UnauthorisedError('no', { clearTokens: false })
  const { app, cleared } = await sessionApp(t, error)
  await app.inject('/')
  t.same(cleared, [])
})

test('an expired access token is a 401 that clears nothing', async (t) => {
  const { app, cleared } = await sessionApp(t, new TryRefreshTokenError())
  const reply = await app.inject('/')
  t.equal(reply.statusCode, 401)
  t.equal(reply.body, '{"message":"try refresh token"}')
  t.same(cleared, [])
})

test('theft is a 401 that takes the tokens away, whichever handler answers', async (t) => {
  const { app, cleared } = await sessionApp(t, new TokenTheftDetectedError(theft))
  const reply = await app.inject('/')
  t.equal(reply.statusCode, 401)
  t.equal(reply.body, '{"message":"token theft detected"}')
  t.same(cleared, ['/'])
  const custom = await sessionApp(t, new TokenTheftDetectedError(theft), {
    exceptionHandlers: { TOKEN_THEFT_DETECTED: () => ({ custom: true }) }
  })
  t.same((await custom.app.inject('/')).json(), { custom: true })
  t.same(custom.cleared, ['/'])
})

test('a failure to clear the tokens is logged and the reply still goes out', async (t) => {
  const { app, lines } = await errorApp(t)
  await app.register(async (scope) => {
    installErrors(scope, {}, () => {
      throw new Error('no cookies')
    })
    throwing(scope, '/', new TokenTheftDetectedError(theft))
  })
  t.equal((await app.inject('/')).body, '{"message":"token theft detected"}')
  t.ok(lines.some(({ level, msg }) => level === 50 && msg === 'clearing the tokens failed'))
})

test('failed claims are a 403 that lists them', async (t) => {
  const { app } = await sessionApp(t, new InvalidClaimsError(claims))
  const reply = await app.inject('/')
  t.equal(reply.statusCode, 403)
  t.same(reply.json(), { message: 'invalid claim', claimValidationErrors: claims })
  t.equal(reply.headers['set-cookie'], undefined)
})

test('cleared duplicate cookies are a 200, with what the thrower put on the reply', async (t) => {
  const { app } = await errorApp(t)
  app.get('/', async (_request, reply) => {
    reply.header('set-cookie', 'sAccessToken=; Domain=a')
    throw new ClearDuplicateSessionCookiesError('cleared')
  })
  const reply = await app.inject('/')
  t.equal(reply.statusCode, 200)
  t.equal(reply.body, '{"message":"cleared"}')
  t.equal(reply.headers['set-cookie'], 'sAccessToken=; Domain=a')
})

test('the statuses are options, and must differ', async (t) => {
  const { app } = await sessionApp(t, new UnauthorisedError(), { sessionExpiredStatusCode: 440 })
  t.equal((await app.inject('/')).statusCode, 440)
  const { app: claimsApp } = await sessionApp(t, new InvalidClaimsError(claims), {
    invalidClaimStatusCode: 406
  })
  t.equal((await claimsApp.inject('/')).statusCode, 406)
  await t.rejects(errorApp(t, { sessionExpiredStatusCode: 403 }), {
    code: 'SUPERSESSION_INVALID_OPTION',
    message: /invalidClaimStatusCode/
  })
})

test('callbacks have the arguments of the SDK, and each is called once', async (t) => {
  const calls: unknown[][] = []
  const errorHandlers: ErrorsOptions['errorHandlers'] = {
    onUnauthorised: (message, request, reply) => {
      calls.push(['onUnauthorised', message, request.url])
      return reply.code(401).send({ by: 'onUnauthorised' })
    },
    onTryRefreshToken: async (message, _request, reply) => {
      calls.push(['onTryRefreshToken', message])
      reply.code(401).send({ by: 'onTryRefreshToken' })
    },
    onTokenTheftDetected: (sessionHandle, userId, request) => {
      calls.push(['onTokenTheftDetected', sessionHandle, userId, request.url])
      return { by: 'onTokenTheftDetected' }
    },
    onInvalidClaim: async (claimErrors) => {
      calls.push(['onInvalidClaim', claimErrors])
      return { by: 'onInvalidClaim' }
    },
    onClearDuplicateSessionCookies: (message) => {
      calls.push(['onClearDuplicateSessionCookies', message])
      return { by: 'onClearDuplicateSessionCookies' }
    }
  }
  const { app } = await errorApp(t, { errorHandlers })
  const thrown: Record<string, SessionError> = {
    onUnauthorised: new UnauthorisedError('u'),
    onTryRefreshToken: new TryRefreshTokenError('t'),
    onTokenTheftDetected: new TokenTheftDetectedError(theft),
    onInvalidClaim: new InvalidClaimsError(claims),
    onClearDuplicateSessionCookies: new ClearDuplicateSessionCookiesError('c')
  }
  for (const [name, error] of Object.entries(thrown)) throwing(app, `/${name}`, error)
  for (const name of Object.keys(thrown))
    t.same((await app.inject(`/${name}`)).json(), { by: name })
  t.same(calls, [
    ['onUnauthorised', 'u', '/onUnauthorised'],
    ['onTryRefreshToken', 't'],
    ['onTokenTheftDetected', 'handle-1', 'ada', '/onTokenTheftDetected'],
    ['onInvalidClaim', claims],
    ['onClearDuplicateSessionCookies', 'c']
  ])
})

test('callbacks that are left out keep their defaults, wrong ones are refused by name', async (t) => {
  const { app } = await errorApp(t, { errorHandlers: { onUnauthorised: undefined as never } })
  throwing(app, '/', new UnauthorisedError())
  t.equal((await app.inject('/')).body, '{"message":"unauthorised"}')
  const five = (_handle: string, _user: string, _recipeUser: string, _q: unknown, _r: unknown) => 0
  await t.rejects(errorApp(t, { errorHandlers: { onTokenTheftDetected: five as never } }), {
    message: /onTokenTheftDetected.*take recipeUserId out/
  })
  await t.rejects(errorApp(t, { errorHandlers: { onUnauthorised: 'x' as never } }), {
    message: /errorHandlers\.onUnauthorised.*a function/
  })
  await t.rejects(errorApp(t, { errorHandlers: { onUnauthorized: () => {} } as never }), {
    message: /errorHandlers\.onUnauthorized/
  })
})

test('a custom handler with a status that front ends do not act on is warned of once', async (t) => {
  const { app, lines } = await errorApp(t, {
    exceptionHandlers: {
      UNAUTHORISED: (_error, _request, reply) => reply.code(418).send({ by: 'custom' }),
      INVALID_CLAIMS: (_error, _request, reply) => reply.code(418).send({ by: 'custom' })
    }
  })
  throwing(app, '/', new UnauthorisedError())
  throwing(app, '/claims', new InvalidClaimsError(claims))
  for (const url of ['/', '/', '/claims']) t.equal((await app.inject(url)).statusCode, 418)
  t.match(
    lines.filter(({ level }) => level === 40),
    [{ status: 418, expected: 401 }]
  )
})

test('tokens that were put on the reply survive an error that comes after', async (t) => {
  const { app } = await errorApp(t)
  app.get('/', async (_request, reply) => {
    reply.header('set-cookie', 'sAccessToken=new').header('front-token', 'f')
    throw new Error('later')
  })
  const reply = await app.inject('/')
  t.equal(reply.statusCode, 500)
  t.match(reply.headers, { 'set-cookie': 'sAccessToken=new', 'front-token': 'f' })
})

test('session errors keep their wire form whatever the renderer', async (t) => {
  const wire = { message: 'invalid claim', claimValidationErrors: claims }
  const bodyWith = async (options: ErrorsOptions, error: SessionError) => {
    const { app } = await sessionApp(t, error, options)
    return (await app.inject('/')).json()
  }
  const invalid = new InvalidClaimsError(claims)
  t.same(await bodyWith({ render: 'problem' }, invalid), wire)
  t.same(await bodyWith({ render: 'problem' }, new UnauthorisedError()), {
    message: 'unauthorised'
  })
})

test('a 401 is not stored and names a scheme, unless the challenge is off', async (t) => {
  const headersOf = async (error: SessionError, options: ErrorsOptions = {}) => {
    const { app } = await sessionApp(t, error, options)
    return (await app.inject('/')).headers
  }
  t.match(await headersOf(new UnauthorisedError()), {
    'cache-control': 'no-store',
    'www-authenticate': 'Bearer'
  })
  t.match(await headersOf(new TryRefreshTokenError(), { challenge: true }), {
    'www-authenticate': 'Bearer error="invalid_token"'
  })
  t.match(await headersOf(new UnauthorisedError(), { challenge: 'Session' }), {
    'www-authenticate': 'Session'
  })
  const off = await headersOf(new UnauthorisedError(), { challenge: false })
  t.equal(off['www-authenticate'], undefined)
  t.equal(off['cache-control'], 'no-store')
  t.equal((await headersOf(new InvalidClaimsError(claims)))['www-authenticate'], undefined)
})

test('the log has type and message of a session error, and of a theft a digest of the handle', async (t) => {
  const { app, lines } = await sessionApp(t, new TokenTheftDetectedError(theft))
  await app.inject('/')
  t.match(lines, [{ level: 40, type: 'TOKEN_THEFT_DETECTED', session: /^[0-9a-f]{16}$/ }])
  t.notMatch(JSON.stringify(lines), /ada|handle-1/)
  const levels = await Promise.all(
    [new UnauthorisedError(), new TryRefreshTokenError(), new InvalidClaimsError(claims)].map(
      async (error) => {
        const { app, lines } = await sessionApp(t, error)
        await app.inject('/')
        return lines[0]?.level
      }
    )
  )
  t.same(levels, [20, 20, 30])
})

test('the default can be called by hand', async (t) => {
  const { app } = await sessionApp(t, new UnauthorisedError(), {
    exceptionHandlers: {
      UNAUTHORISED: (error, request) => sessionErrorHandler(error as SessionError, request)
    }
  })
  t.equal((await app.inject('/')).body, '{"message":"unauthorised"}')
})

test('a session error of another copy of the package is one', async (t) => {
  const file = new URL('../../lib/errors/session-errors.js?copy', import.meta.url)
  const copy: typeof import('../../lib/errors/session-errors.ts') = await import(file.href)
  t.not(copy.UnauthorisedError, UnauthorisedError)
  const { app } = await sessionApp(t, new copy.UnauthorisedError())
  app.setExceptionHandler(UnauthorisedError, (error) => ({
    cause: error.cause instanceof copy.UnauthorisedError
  }))
  t.same((await app.inject('/')).json(), { cause: true })
})

test('a handler of a session class gets the error, one of HTTPException does not', async (t) => {
  const { app } = await sessionApp(t, new UnauthorisedError())
  app.setExceptionHandler(HTTPException, () => ({ by: 'HTTPException' }))
  t.equal((await app.inject('/')).body, '{"message":"unauthorised"}')
})

test('challenges, renderers and lists of headers of a wrong kind are refused by name', async (t) => {
  const wrong: [keyof ErrorsOptions, unknown][] = [
    ['challenge', 7],
    ['challenge', 'a\nb'],
    ['render', 'xml'],
    ['stripHeaders', [1]],
    ['trustStatusCode', 'all'],
    ['validation', 7],
    ['validation', null],
    ['exceptionHandlers', 7],
    ['exceptionHandlers', { UNAUTHORIZED: () => {} }],
    ['sessionExpiredStatusCode', 200],
    ['compat', 'express'],
    ['errorLogLevel', true]
  ]
  for (const [option, value] of wrong) {
    await t.rejects(errorApp(t, { [option]: value }), {
      code: 'SUPERSESSION_INVALID_OPTION',
      message: new RegExp(`'${option}`)
    })
  }
  await t.rejects(errorApp(t, { validation: { maxIssue: 1 } as never }), {
    message: /'validation\.maxIssue'/
  })
  await t.rejects(errorApp(t, { handlers: [] } as never), { message: /'handlers'/ })
  t.type(errors, 'function')
})
