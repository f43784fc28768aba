import { test } from 'tap'
import { InvalidClaimsError, OptionsError, PrimitiveClaim, type Session } from '../../lib/index.ts'
import { SessionSockets } from '../../lib/session/sockets.ts'
import { ReadOnlySession } from '../../lib/verifier/read-only-session.ts'
import { START_MS } from '../builders/app.ts'

const payload = {
  sub: 'ada',
  rsub: 'ada',
  tId: 'public',
  iat: START_MS / 1000,
  exp: START_MS / 1000 + 3600,
  sessionHandle: 'handle',
  refreshTokenHash1: 'a',
  parentRefreshTokenHash1: null,
  antiCsrfToken: null,
  role: { v: 'admin', t: START_MS }
}
const clock = { now: () => START_MS, sync: () => {} }
const context = { clock, sockets: new SessionSockets(), store: null }
const session: Session = new ReadOnlySession(context, { text: 'token', payload }, null)
const role = new PrimitiveClaim<string>({ key: 'role', fetchValue: () => undefined })

test('a session says what its token says', (t) => {
  const { userId, recipeUserId, handle, tenantId, createdAt, expiresAt, accessToken } = session
  t.same([userId, recipeUserId, handle, tenantId], ['ada', 'ada', 'handle', 'public'])
  t.same([createdAt, expiresAt, accessToken], [START_MS, START_MS + 3_600_000, 'token'])
  t.equal(session.payload, payload)
  t.equal(session.getClaim(role), 'admin')
  t.end()
})

test('claims are asserted on the token', async (t) => {
  await session.assertClaims([role.validators.hasValue('admin')])
  await t.rejects(session.assertClaims([role.validators.hasValue('user')]), InvalidClaimsError)
  await t.rejects(session.assertClaims(5 as never), OptionsError)
})

test('what needs the issuer says so', async (t) => {
  const calls: { [name in keyof Session]?: () => unknown } = {
    info: () => session.info(),
    getData: () => session.getData(),
    updateData: () => session.updateData({}),
    mergePayload: () => session.mergePayload({}),
    setClaim: () => session.setClaim(role, 'user'),
    fetchClaim: () => session.fetchClaim(role),
    removeClaim: () => session.removeClaim(role),
    devices: () => session.devices(),
    revokeOthers: () => session.revokeOthers(),
    revoke: () => session.revoke()
  }
  for (const [name, call] of Object.entries(calls))
    await t.rejects(
      async () => call(),
      new TypeError(
        `session.${name}() works only in the service that issues tokens: this one verifies them`
      )
    )
  t.throws(
    () => session.attachSocket({} as never),
    new TypeError('session.attachSocket() needs the option store')
  )
})
