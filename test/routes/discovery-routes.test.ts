import { createLocalJWKSet, jwtVerify } from 'jose'
import { test } from 'tap'
import { buildApp } from '../builders/app.ts'

const appInfo = { apiDomain: 'https://api.example.com' }

for (const signingAlgorithm of ['RS256', 'ES256', 'EdDSA'] as const) {
  test(`another service verifies ${signingAlgorithm} access tokens with the JWKS`, async (t) => {
    const { app, clock } = await buildApp(t, { signingAlgorithm, appInfo })
    const { accessToken } = await app.sessions.issue({ userId: 'ada' })
    const reply = await app.inject('/auth/jwt/jwks.json')
    t.equal(reply.headers['access-control-allow-origin'], '*')
    t.equal(reply.headers['cache-control'], `max-age=${7 * 86_400 - 60}, must-revalidate`)
    const { payload, protectedHeader } = await jwtVerify(
      accessToken,
      createLocalJWKSet(reply.json()),
      { issuer: 'https://api.example.com/auth', currentDate: new Date(clock.nowMs) }
    )
    t.equal(payload.sub, 'ada')
    t.equal(protectedHeader.alg, signingAlgorithm)
  })
}

test('the discovery document names issuer and keys', async (t) => {
  const { app } = await buildApp(t, { appInfo })
  const reply = await app.inject('/auth/.well-known/openid-configuration')
  t.equal(reply.headers['access-control-allow-origin'], '*')
  t.match(reply.json(), {
    issuer: 'https://api.example.com/auth',
    jwks_uri: 'https://api.example.com/auth/jwt/jwks.json',
    token_endpoint: 'https://api.example.com/auth/oauth/token',
    subject_types_supported: ['public']
  })
  t.same(reply.json(), app.sessions.discovery())
})
