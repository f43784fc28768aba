import Fastify from 'fastify'
import { test } from 'tap'
import supersession, { memoryStore, OptionsError } from '../../lib/index.ts'
import {
  partOptions,
  resolveDeviceBinding,
  resolveSettings,
  SESSION_OPTIONS
} from '../../lib/options/resolve.ts'

const SECRET = 'a secret of thirty-two characters'

test('without options every setting has its default', (t) => {
  const settings = resolveSettings({}, '')
  t.match(settings, {
    secrets: [],
    store: undefined,
    accessTokenValidityMs: 3_600_000,
    accessTokenValidityJitter: 0,
    refreshTokenValidityMs: 8_640_000_000,
    refreshGracePeriodMs: 30_000,
    keyUpdateIntervalMs: 604_800_000,
    keyKind: 'dynamic',
    signingAlgorithm: 'RS256',
    accessTokenCacheBytes: 32 * 2 ** 20,
    antiCsrf: undefined,
    exposeAccessToken: false,
    requestProperty: 'session',
    clock: undefined
  })
  t.ok(Object.isFrozen(settings))
  t.end()
})

test('secrets are read as strings, Buffers and lists', (t) => {
  const secrets = (secret: unknown) => resolveSettings({ secret }, '').secrets.map(String)
  t.same(secrets(SECRET), [SECRET])
  t.same(secrets(Buffer.from(SECRET)), [SECRET])
  t.same(secrets([`${SECRET}2`, Buffer.from(SECRET)]), [`${SECRET}2`, SECRET])
  t.end()
})

test('options that are undefined count as left out, and unknown ones go to the errors plugin', (t) => {
  t.same(
    partOptions({ secret: SECRET, compat: 'fastify', cookieSecure: undefined }, SESSION_OPTIONS, [
      'compat'
    ]),
    {
      ownOptions: { secret: SECRET },
      errorsOptions: { compat: 'fastify' }
    }
  )
  t.end()
})

const refused: [option: string, options: Record<string, unknown>, expected: RegExp][] = [
  ['sessionLength', { sessionLength: 5 }, /there is no such option/],
  ['toString', { toString: 5 }, /there is no such option/],
  ['accessTokenvalidity', { accessTokenvalidity: '1h' }, /nearest is 'accessTokenValidity'/],
  [
    'invalidClaimsStatusCode',
    { invalidClaimsStatusCode: 4 },
    /nearest is 'invalidClaimStatusCode'/
  ],
  ['store ', { 'store ': memoryStore() }, /must be left out: .*; the nearest is 'store'/],
  ['prefix', { prefix: '/api' }, /that of a scope: register the plugin inside/],
  ['secret', { secret: 'short' }, /at least 32 bytes .* to make one: node -p/],
  ['secret', { secret: [] }, /at least 32 bytes/],
  ['secret', { secret: [SECRET, 'short'] }, /a list of such/],
  ['secret', { secret: 5 }, /string or Buffer/],
  ['store', { store: {} }, /lacks insert, get/],
  ['store', { store: null }, /session store/],
  ['store', { store: { ...memoryStore() } }, /lacks/],
  ['accessTokenValidity', { accessTokenValidity: 0 }, /1 to 86400000 seconds/],
  ['accessTokenValidity', { accessTokenValidity: '120' }, /with a unit/],
  ['accessTokenValidity', { accessTokenValidity: '1 week' }, /with a unit/],
  ['accessTokenValidity', { accessTokenValidity: Number.NaN }, /duration/],
  ['accessTokenValidity', { accessTokenValidity: null }, /duration/],
  ['accessTokenValidityJitter', { accessTokenValidityJitter: 0.3 }, /0 to 0.25/],
  ['refreshTokenValidity', { refreshTokenValidity: '1h' }, /longer than accessTokenValidity/],
  ['refreshGracePeriod', { refreshGracePeriod: '301s' }, /0 to 300 seconds/],
  ['refreshGracePeriod', { refreshGracePeriod: -1 }, /0 to 300 seconds/],
  ['accessTokenSigningKeyUpdateInterval', { accessTokenSigningKeyUpdateInterval: 0 }, /duration/],
  ['useDynamicAccessTokenSigningKey', { useDynamicAccessTokenSigningKey: 'yes' }, /true or false/],
  ['signingAlgorithm', { signingAlgorithm: 'HS256' }, /RS256.*ES256.*EdDSA/],
  ['issuer', { issuer: '' }, /a URL/],
  ['issuer', { issuer: 'my api' }, /a URL/],
  ['issuer', { issuer: 'a:// b' }, /a URL/],
  ['issuer', { issuer: '://x' }, /a URL/],
  ['issuer', { issuer: 5 }, /a URL/],
  ['accessTokenCacheMB', { accessTokenCacheMB: -1 }, /number from 0 to 4096/],
  ['cookieDomain', { cookieDomain: '' }, /a domain/],
  ['cookieDomain', { cookieDomain: 'a b' }, /a domain/],
  ['cookieDomain', { cookieDomain: 5 }, /a domain/],
  ['cookieDomain', { cookieDomain: Object.create(null) }, /a domain.*received object/],
  ['cookiePrefix', { cookiePrefix: Object.create(null) }, /up to 64 letters.*received object/],
  ['cookieDomain', { cookieDomain: 'a.org\nb.org' }, /a domain/],
  ['cookieDomain', { cookieDomain: '.herokuapp.com' }, /public suffix/],
  ['cookieDomain', { cookieDomain: 'co.uk' }, /public suffix/],
  ['cookieDomain', { cookieDomain: 'https://GitHub.io:8443' }, /public suffix/],
  ['olderCookieDomain', { olderCookieDomain: null }, /a domain/],
  ['cookieSecure', { cookieSecure: 'auto' }, /true or false/],
  ['cookieSameSite', { cookieSameSite: 'Lax' }, /'strict', 'lax' or 'none'/],
  ['cookieSameSite', { cookieSameSite: 'none' }, /Secure/],
  ['accessTokenPath', { accessTokenPath: '/a;b' }, /a path/],
  ['antiCsrf', { antiCsrf: 'via_token' }, /VIA_TOKEN/],
  ['getTokenTransferMethod', { getTokenTransferMethod: 'cookie' }, /a function/],
  ['absoluteLifetime', { absoluteLifetime: '1h' }, /longer than accessTokenValidity/],
  ['absoluteLifetime', { absoluteLifetime: 'long' }, /duration/],
  ['maxSessionsPerUser', { maxSessionsPerUser: 0 }, /integer from 1/],
  ['recordAddress', { recordAddress: 'x' }, /true or false/],
  ['claims', { claims: {} }, /a list of claims/],
  ['claims', { claims: [null] }, /a list of claims; its member 0 is something else$/],
  [
    'globalClaimValidators',
    { globalClaimValidators: [{ id: 'x' }] },
    /list of claim validators; its member 0/
  ],
  ['override', { override: 5 }, /a plain object/],
  ['override.function', { override: { function: 5 } }, /there is no such option/],
  ['override.apis', { override: { apis: 5 } }, /a function/],
  ['requestProperty', { requestProperty: 'my session' }, /name of a property/],
  ['clock', { clock: 5 }, /a function/],
  ['clock()', { clock: () => new Date() }, /milliseconds .*, received object/],
  ['clock()', { clock: () => Number.NaN }, /milliseconds/],
  ['clock()', { clock: () => Promise.reject(new Error('no time')) }, /no promise/],
  ['appInfo', { appInfo: 'x' }, /a plain object/],
  [
    'appInfo.apiDoman',
    { appInfo: { apiDoman: 'x' } },
    /no such option; the nearest is 'apiDomain'/
  ],
  ['appInfo.xyz', { appInfo: { xyz: 'x' } }, /no such option; there are appName, /],
  ['override.functons', { override: { functons: 5 } }, /nearest is 'functions'/],
  ['validation.statuz', { validation: { statuz: 5 } }, /nearest is 'status'/],
  ['appInfo.apiDomain', { appInfo: { apiDomain: '' } }, /origin/],
  ['appInfo.apiDomain', { appInfo: { apiDomain: 'ftp://x.org' } }, /origin/],
  ['appInfo.apiDomain', { appInfo: { apiDomain: 'http://' } }, /origin/],
  ['appInfo.apiDomain', { appInfo: { apiDomain: 'a b' } }, /origin/],
  ['appInfo.websiteDomain', { appInfo: { websiteDomain: 5 } }, /origin/],
  ['appInfo.origin', { appInfo: { origin: 5 } }, /origin/],
  ['appInfo.apiBasePath', { appInfo: { apiBasePath: 5 } }, /a path/],
  ['appInfo.apiGatewayPath', { appInfo: { apiGatewayPath: '?' } }, /a path/],
  [
    'invalidClaimStatusCode',
    { sessionExpiredStatusCode: 403 },
    /another status than sessionExpiredStatusCode/
  ],
  [
    'invalidClaimStatusCode',
    { sessionExpiredStatusCode: 440, invalidClaimStatusCode: 440 },
    /another status than sessionExpiredStatusCode/
  ]
]

for (const [option, options, expected] of refused) {
  const [[name, value] = []] = Object.entries(options)
  test(`registration rejects ${name}: ${JSON.stringify(value)}, naming ${option}`, async (t) => {
    const app = Fastify()
    t.teardown(() => app.close())
    // A wrong option is wrong for TypeScript too; this is what JavaScript gets.
    const error = await app.register(supersession, options).then(
      () => new Error('registered'),
      (rejection: unknown) => rejection
    )
    t.type(error, OptionsError)
    t.match(error, { option, message: expected })
    t.notMatch((error as Error).message, /short/, 'the value is not in the message')
  })
}

const binding = {
  dbsc: true,
  dpop: false,
  boundCookieLifetimeMs: 600_000,
  dpopNonces: false
}

test('sessions are bound where the option says so', async (t) => {
  t.equal(resolveDeviceBinding(undefined, true), null)
  t.same(resolveDeviceBinding('dbsc', true), binding)
  t.same(resolveDeviceBinding(['dbsc', 'dpop'], true), { ...binding, dpop: true })
  t.same(resolveDeviceBinding('dpop', false), { ...binding, dbsc: false, dpop: true })
  const undefinedIsLeftOut = { methods: 'dbsc', boundCookieLifetime: undefined }
  t.same(resolveDeviceBinding(undefinedIsLeftOut, true), binding)
  const given = { methods: ['dbsc'], boundCookieLifetime: '5m', dpopNonces: true }
  t.same(resolveDeviceBinding(given, true), {
    ...binding,
    boundCookieLifetimeMs: 300_000,
    dpopNonces: true
  })
})

const wrongBindings: readonly [value: unknown, message: RegExp][] = [
  ['mtls', /'deviceBinding' must be 'dbsc', 'dpop' or a list of both, received string/],
  [[], /'deviceBinding' must be 'dbsc', 'dpop' or a list of both, received array/],
  [null, /'deviceBinding' must be a plain object, received null/],
  [{}, /'deviceBinding.methods' must be 'dbsc', 'dpop' or a list of both, received undefined/],
  [{ methods: 'dpop', life: 1 }, /'deviceBinding.life' .* there are methods, bound/],
  [{ methods: 'dpop', dpopNonces: 1 }, /'deviceBinding.dpopNonces' must be true or false/],
  [{ methods: 'dbsc', boundCookieLifetime: 1 }, /'deviceBinding.boundCookieLifetime' must be a dur/]
]

test('a wrong deviceBinding is refused by name', async (t) => {
  for (const [value, message] of wrongBindings)
    t.throws(() => resolveDeviceBinding(value, true), message)
})

test('cookies that are not Secure cannot be bound', async (t) => {
  t.throws(() => resolveDeviceBinding('dbsc', false), /'dpop' alone where cookies are not Secure/)
})
