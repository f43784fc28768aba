import { createLocalJWKSet, decodeProtectedHeader, jwtVerify } from 'jose'
import { test } from 'tap'
import { buildApp, START_MS } from '../builders/app.ts'

const START = START_MS / 1000

test('a JWT for another service is signed with the static key and verified with the JWKS', async (t) => {
  const { app, clock } = await buildApp(t)
  const jwt = await app.sessions.createJWT({ aud: 'billing', roles: ['a'] })
  const { payload } = await jwtVerify(
    jwt,
    createLocalJWKSet((await app.inject('/auth/jwt/jwks.json')).json()),
    {
      issuer: 'http://localhost:3000/auth',
      audience: 'billing',
      currentDate: new Date(clock.nowMs)
    }
  )
  t.same(payload, {
    iss: 'http://localhost:3000/auth',
    iat: START,
    exp: START + 3_153_600_000,
    aud: 'billing',
    roles: ['a']
  })
  const { version, kid, typ } = decodeProtectedHeader(jwt)
  t.equal(version, undefined)
  t.equal(typ, 'JWT')
  t.match(kid, /^s-/)
})

test('members of the payload win, and the dynamic key signs where it is asked for', async (t) => {
  const { app } = await buildApp(t)
  const jwt = await app.sessions.createJWT(
    { iss: 'me', iat: 5, exp: 6 },
    { validitySeconds: 60, useStaticSigningKey: false }
  )
  t.match(decodeProtectedHeader(jwt).kid, /^d-/)
  t.same(JSON.parse(Buffer.from(String(jwt.split('.')[1]), 'base64url').toString()), {
    iss: 'me',
    iat: 5,
    exp: 6
  })
  const plain = await app.sessions.createJWT(undefined, { validitySeconds: 60 })
  t.match(JSON.parse(Buffer.from(String(plain.split('.')[1]), 'base64url').toString()), {
    exp: START + 60
  })
})

test('a JWT that says what an access token says is none', async (t) => {
  const { app } = await buildApp(t)
  const { session } = await app.sessions.issue({ userId: 'ada' })
  const jwt = await app.sessions.createJWT({ ...session.payload }, { useStaticSigningKey: false })
  const reply = await app.inject({ url: '/me', headers: { authorization: `Bearer ${jwt}` } })
  t.same(reply.json(), { message: 'unauthorised' })
})
