import { test } from 'tap'
import { OptionsError } from '../../lib/index.ts'
import { resolveVerifier, type VerifierOptions } from '../../lib/verifier/options.ts'

const ISSUER = 'https://api.example.com/auth'

test('the issuer is enough', (t) => {
  const { settings, jwksUri, errorsOptions } = resolveVerifier({ issuer: ISSUER }, '')
  t.equal(settings.issuer, ISSUER)
  t.equal(jwksUri, null)
  t.same(errorsOptions, {})
  t.end()
})

test('options of the errors plugin are passed on', (t) => {
  const { errorsOptions } = resolveVerifier({ issuer: ISSUER, challenge: false }, '')
  t.same(errorsOptions, { challenge: false })
  t.end()
})

test('an issuer that is no URL needs the URL of its keys', (t) => {
  const jwksUri = 'https://keys.example.com/jwks.json'
  t.equal(resolveVerifier({ issuer: 'auth', jwksUri }, '').jwksUri, jwksUri)
  t.equal(resolveVerifier({ issuer: ISSUER, jwksUri }, '').jwksUri, jwksUri)
  t.throws(
    () => resolveVerifier({ issuer: 'auth' }, ''),
    /'jwksUri' must be a URL, .* where the issuer is none/
  )
  t.throws(
    () => resolveVerifier({ issuer: 'urn:auth' }, ''),
    /'jwksUri' must be a URL, .* where the issuer is none/
  )
  t.end()
})

const refused: [option: string, options: object, expected: RegExp][] = [
  ['issuer', { issuer: undefined }, /must be the issuer's URL/],
  ['issuer', { issuer: 5 }, /must be a URL/],
  ['issuer', { issuer: [ISSUER] }, /must be a URL/],
  ['jwksUri', { jwksUri: 'keys' }, /must be a URL, .* received string/],
  ['jwksUri', { jwksUri: 'file:///etc/keys' }, /must be a URL/],
  ['jwksUri', { jwksUri: new URL(ISSUER) }, /must be a URL, .* received object/],
  ['jwksURI', { jwksURI: ISSUER }, /nearest is 'jwksUri'/],
  ['secret', { secret: 'x'.repeat(32) }, /there is no such option/],
  ['deviceBinding', { deviceBinding: 'dbsc' }, /there is no such option/],
  ['appInfo.apiBasePath', { appInfo: { apiBasePath: '/auth' } }, /there is no such option/],
  ['appInfo.apiDomain', { appInfo: { apiDomain: 'ftp://x' } }, /http\(s\) origin/],
  ['allowedOrigins', { allowedOrigins: 'https://example.com' }, /a list of origins/],
  ['store', { store: {} }, /a session store; it lacks insert/],
  ['revocationInterval', { revocationInterval: '1s' }, /left out where no store is given/],
  ['challenge', { challenge: 5 }, /authentication scheme/]
]

for (const [option, options, expected] of refused)
  test(`${option} is refused as ${JSON.stringify(options)}`, async (t) => {
    const { default: Fastify } = await import('fastify')
    const { default: verifier } = await import('../../lib/verifier/index.ts')
    const app = Fastify()
    t.teardown(() => app.close())
    const given = { issuer: ISSUER, ...options } as VerifierOptions
    const error = await Promise.resolve(app.register(verifier, given)).then(
      () => null,
      (thrown: unknown) => thrown
    )
    t.type(error, OptionsError)
    t.match(error, { option, message: expected })
  })
