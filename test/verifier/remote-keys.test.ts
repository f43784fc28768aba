import { generateKeyPairSync } from 'node:crypto'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Test, test } from 'tap'
import { IssuerUnavailableError } from '../../lib/verifier/index.ts'
import { RemoteKeys } from '../../lib/verifier/remote-keys.ts'
import { buildApp, START_MS } from '../builders/app.ts'
import { Client } from '../builders/client.ts'
import { buildOrders, buildServices } from '../builders/services.ts'

const bearer = (token: string | undefined) => ({ authorization: `Bearer ${token}` })

/** A new key as a JWKS has it. */
function newJwk(kid: string, more: object = {}): object {
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return { ...publicKey.export({ format: 'jwk' }), kid, alg: 'ES256', use: 'sig', ...more }
}

interface Issuer {
  url: string
  /** Paths that were asked for. */
  readonly asked: string[]
  answer: RequestListener
  readonly warnings: string[]
  readonly open: (jwksUri?: string | null) => RemoteKeys
}

/** A server that answers as a test says. */
async function startIssuer(t: Test, keys: object[] = []): Promise<Issuer> {
  const server = createServer((request, response) => {
    issuer.asked.push(String(request.url))
    issuer.answer(request, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const opened: RemoteKeys[] = []
  const tell = (...[, text]: unknown[]) => void issuer.warnings.push(String(text))
  const issuer: Issuer = {
    url,
    asked: [],
    answer: (_request, response) => response.end(JSON.stringify({ keys })),
    warnings: [],
    open(jwksUri = `${url}/keys`) {
      const remote = new RemoteKeys({ issuer: url, jwksUri, log: { info: tell, warn: tell } })
      opened.push(remote)
      return remote
    }
  }
  t.teardown(async () => {
    for (const remote of opened) remote.stop()
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  return issuer
}

test('a rotated key costs one fetch for all requests that wait for it', async (t) => {
  const { issuer, orders, clock, fetches } = await buildServices(t, {
    issuer: { accessTokenSigningKeyUpdateInterval: '1d' }
  })
  const client = new Client(issuer, 'header')
  await client.login()
  const get = (token: string | undefined) =>
    orders.inject({ url: '/orders', headers: bearer(token) })
  t.equal((await get(client.accessToken)).statusCode, 200)
  t.equal(fetches(), 1)
  clock.advance(86_400)
  const users = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j']
  const tokens = await Promise.all(
    users.map(async (userId) => (await issuer.sessions.issue({ userId })).accessToken)
  )
  const replies = await Promise.all(tokens.map(get))
  t.same(
    replies.map((reply) => reply.json().userId),
    users
  )
  t.equal(fetches(), 2)
})

test('invented key ids cost one fetch in half a second', async (t) => {
  const issuer = await startIssuer(t, [newJwk('d-1')])
  const keys = issuer.open()
  const askFor = (kids: readonly string[], nowMs: number) =>
    Promise.all(kids.map((kid) => keys.findAgain(kid, nowMs)))
  t.equal((await askFor(['d-1'], START_MS))[0]?.kid, 'd-1')
  const invented = Array.from({ length: 100 }, (_, index) => `d-x${index}`)
  t.same(new Set(await askFor(invented, START_MS + 499)), new Set([undefined]))
  t.equal(issuer.asked.length, 1)
  t.same(new Set(await askFor(invented, START_MS + 500)), new Set([undefined]))
  t.equal(issuer.asked.length, 2)
})

test('keys are loaded again when the issuer says so, after a minute at the latest', async (t) => {
  const issuer = await startIssuer(t)
  const cases: [headers: Record<string, string>, seconds: number][] = [
    [{}, 60],
    [{ 'cache-control': 'public' }, 60],
    [{ 'cache-control': 'max-age=604800, must-revalidate' }, 60],
    [{ 'cache-control': 'public, max-age=20' }, 20],
    [{ 'cache-control': 'Max-Age="20"' }, 20],
    [{ 'cache-control': 'max-age=30', age: '10' }, 20],
    [{ 'cache-control': 'max-age=30', age: 'x' }, 30],
    [{ 'cache-control': 'max-age=30', age: '40' }, 0.5],
    [{ 'cache-control': 'no-cache' }, 0.5],
    [{ 'cache-control': 'no-store, max-age=20' }, 0.5]
  ]
  for (const [headers, seconds] of cases) {
    issuer.answer = (_request, response) =>
      response.writeHead(200, headers).end(JSON.stringify({ keys: [newJwk('d-1')] }))
    issuer.asked.length = 0
    const keys = issuer.open()
    await keys.findAgain('d-1', START_MS)
    const known = keys.find('d-1')
    keys.reloadIfStale(START_MS + seconds * 1000 - 1)
    t.equal(issuer.asked.length, 1, JSON.stringify(headers))
    keys.reloadIfStale(START_MS + seconds * 1000)
    t.equal(keys.find('d-1'), known, 'what is known verifies meanwhile')
    // Waits for the answer that is under way.
    await keys.findAgain('d-2', START_MS + seconds * 1000)
    t.equal(issuer.asked.length, 2, JSON.stringify(headers))
    t.not(keys.find('d-1'), known)
  }
})

test('a key that the issuer withdrew verifies nothing, not even what it has verified', async (t) => {
  const { app, clock } = await buildApp(t)
  const { accessToken } = await app.sessions.issue({ userId: 'ada' })
  const keys: object[] = [...(await app.sessions.jwks()).keys]
  const { url } = await startIssuer(t, keys)
  const orders = await buildOrders(t, { jwksUri: url, clock: clock.read })
  const get = (token: string) => orders.inject({ url: '/orders', headers: bearer(token) })
  t.equal((await get(accessToken)).statusCode, 200)
  keys.length = 0
  clock.advance(60)
  t.equal((await get(accessToken)).statusCode, 200, 'while the issuer is asked')
  const refused = { type: 'TRY_REFRESH_TOKEN', reason: 'unknown-key' }
  t.same((await get(withKid(accessToken, 'd-5'))).json(), refused, 'waits for the answer')
  t.same((await get(accessToken)).json(), refused)
})

test('a key that was revoked stays so where a cache still has it', async (t) => {
  const kept = newJwk('d-1')
  const issuer = await startIssuer(t, [kept, newJwk('d-2')])
  const known = issuer.open()
  await known.findAgain('d-1', START_MS)
  known.drop('d-1')
  await known.findAgain('d-1', START_MS + 1000)
  t.equal(known.find('d-1'), undefined)
  t.not(known.find('d-2'), undefined)
  const later = issuer.open()
  later.drop('d-1')
  await later.findAgain('d-1', START_MS)
  t.equal(later.find('d-1'), undefined, 'before the keys were loaded')
})

test('caches on the way to the issuer are passed by', async (t) => {
  const issuer = await startIssuer(t, [newJwk('d-1')])
  const { answer } = issuer
  const asked: unknown[] = []
  issuer.answer = (request, response) => {
    asked.push(request.headers['cache-control'])
    answer(request, response)
  }
  await issuer.open().findAgain('d-1', START_MS)
  t.same(asked, ['no-cache'])
})

/** A token that names another key. */
function withKid(token: string, kid: string): string {
  const [head = '', ...rest] = token.split('.')
  const header = JSON.parse(Buffer.from(head, 'base64url').toString())
  return [Buffer.from(JSON.stringify({ ...header, kid })).toString('base64url'), ...rest].join('.')
}

test('a key that has not changed stays the same, and one that has does not', async (t) => {
  const [kept, changed] = [newJwk('d-1'), newJwk('d-2')]
  const keys = [kept, changed]
  const issuer = await startIssuer(t, keys)
  const remote = issuer.open()
  await remote.findAgain('d-1', START_MS)
  const before = [remote.find('d-1'), remote.find('d-2')]
  keys[1] = newJwk('d-2')
  await remote.findAgain('d-3', START_MS + 1000)
  t.equal(remote.find('d-1'), before[0])
  t.not(remote.find('d-2'), before[1])
  t.equal(before[0]?.usableUntil, Number.POSITIVE_INFINITY)
  t.equal(before[1]?.usableUntil, Number.NEGATIVE_INFINITY)
  t.equal(remote.findByHeader(String(before[0]?.header)), before[0])
})

test('keys of other kinds and uses are passed over', async (t) => {
  const rsa = (modulusLength: number) =>
    generateKeyPairSync('rsa', { modulusLength }).publicKey.export({ format: 'jwk' })
  const ec = (namedCurve: string) =>
    generateKeyPairSync('ec', { namedCurve }).publicKey.export({ format: 'jwk' })
  const okp = generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' })
  const good = [
    { ...rsa(2048), kid: 's-rsa', alg: 'RS256', use: 'sig' },
    { ...ec('P-256'), kid: 'd-ec' },
    { ...okp, kid: 'd-okp', alg: 'EdDSA' }
  ]
  const issuer = await startIssuer(t, [
    ...good,
    { ...rsa(1024), kid: 'd-short' },
    { ...rsa(2048), kid: 'd-other-algorithm', alg: 'RS512' },
    { ...rsa(2048), kid: 'd-none', alg: 'none' },
    { ...rsa(2048), kid: 'd-encrypts', use: 'enc' },
    { ...rsa(2048), kid: 'of-no-kind' },
    { ...rsa(2048), kid: 5 },
    { ...rsa(2048) },
    { ...ec('P-384'), kid: 'd-p384' },
    { ...generateKeyPairSync('x25519').publicKey.export({ format: 'jwk' }), kid: 'd-x25519' },
    { kty: 'oct', k: 'AAAA', kid: 'd-secret', alg: 'HS256' },
    { kty: 'RSA', kid: 'd-empty' },
    null as unknown as object,
    'text' as unknown as object
  ])
  const keys = issuer.open()
  await keys.findAgain('d-x', START_MS)
  t.same(
    good.map(({ kid }) => keys.find(kid)?.algorithm),
    ['RS256', 'ES256', 'EdDSA']
  )
  for (const kid of [
    'd-short',
    'd-other-algorithm',
    'd-none',
    'd-encrypts',
    'of-no-kind',
    'd-p384',
    'd-x25519',
    'd-secret',
    'd-empty'
  ])
    t.equal(keys.find(kid), undefined, kid)
})

test('where the issuer is down known keys go on, and unknown ones are 503', async (t) => {
  const { issuer, orders, clock } = await buildServices(t)
  const client = new Client(issuer, 'header')
  await client.login()
  const get = (token: string | undefined) =>
    orders.inject({ url: '/orders', headers: bearer(token) })
  t.equal((await get(client.accessToken)).statusCode, 200)
  await issuer.close()
  clock.advance(1800)
  t.equal((await get(client.accessToken)).statusCode, 200)

  const unknown = await get(withKid(String(client.accessToken), 'd-5'))
  t.equal(unknown.statusCode, 503)
  t.equal(unknown.headers['retry-after'], '1')
  t.same(unknown.json(), { detail: 'Service Unavailable' })
})

test('one failure is for all who ask within half a second, and it is told once', async (t) => {
  const issuer = await startIssuer(t, [newJwk('d-1')])
  const { answer } = issuer
  const keys = issuer.open()
  issuer.answer = (_request, response) => response.writeHead(500).end()
  for (const nowMs of [START_MS, START_MS + 499])
    await t.rejects(keys.findAgain('d-1', nowMs), new IssuerUnavailableError())
  t.equal(issuer.asked.length, 1)
  await t.rejects(keys.findAgain('d-1', START_MS + 500), IssuerUnavailableError)
  t.equal(issuer.asked.length, 2)
  t.same(issuer.warnings, ['the keys of the issuer cannot be loaded'])
  issuer.answer = answer
  t.equal((await keys.findAgain('d-1', START_MS + 1000))?.kid, 'd-1')
  t.same(issuer.warnings.slice(1), ['the keys of the issuer are loaded again'])
})

test('an answer that is no JWKS is none, and what was known stays', async (t) => {
  const issuer = await startIssuer(t, [newJwk('d-1')])
  const keys = issuer.open()
  await keys.findAgain('d-1', START_MS)
  let nowMs = START_MS
  for (const body of ['', '[]', '{}', 'null', '<html>', '{"keys":{}}']) {
    issuer.answer = (_request, response) => response.end(body)
    nowMs += 1000
    await t.rejects(keys.findAgain('d-2', nowMs), IssuerUnavailableError, body)
  }
  issuer.answer = (_request, response) =>
    response.writeHead(302, { location: `${issuer.url}/elsewhere` }).end()
  await t.rejects(keys.findAgain('d-2', nowMs + 1000), IssuerUnavailableError, 'a redirect')
  t.notOk(issuer.asked.includes('/elsewhere'))
  issuer.answer = (_request, response) => response.writeHead(204).end()
  await t.rejects(keys.findAgain('d-2', nowMs + 2000), IssuerUnavailableError, 'no body')
  t.equal(keys.find('d-1')?.kid, 'd-1')
})

test('an answer of more than a megabyte is given up before it is there', async (t) => {
  const issuer = await startIssuer(t)
  let isCutOff = Promise.resolve()
  issuer.answer = (_request, response) => {
    isCutOff = new Promise((resolve) => response.on('close', resolve))
    const write = () => {
      while (!response.destroyed && response.write(' '.repeat(65_536)));
      response.once('drain', write)
    }
    write()
  }
  const error = await issuer
    .open()
    .findAgain('d-x', START_MS)
    .catch((error) => error)
  t.type(error, IssuerUnavailableError)
  t.match(error.cause, { message: /answered more than 1000000 bytes/ })
  await isCutOff
})

test('the discovery document is read once, and again after a failure', async (t) => {
  const issuer = await startIssuer(t)
  const documents: Record<string, unknown> = { '/keys': { keys: [newJwk('d-1')] } }
  issuer.answer = ({ url }, response) => {
    const found = documents[String(url)]
    response.writeHead(found === undefined ? 404 : 200).end(JSON.stringify(found))
  }
  const path = '/.well-known/openid-configuration'
  const keys = issuer.open(null)
  let nowMs = START_MS
  for (const document of [
    undefined,
    { issuer: 'https://other.example', jwks_uri: `${issuer.url}/keys` },
    { issuer: issuer.url },
    { issuer: issuer.url, jwks_uri: 5 }
  ]) {
    documents[path] = document
    nowMs += 1000
    await t.rejects(keys.findAgain('d-1', nowMs), IssuerUnavailableError)
  }
  documents[path] = { issuer: issuer.url, jwks_uri: `${issuer.url}/keys` }
  t.equal((await keys.findAgain('d-1', nowMs + 1000))?.kid, 'd-1')
  issuer.asked.length = 0
  await keys.findAgain('d-2', nowMs + 2000)
  t.same(issuer.asked, ['/keys'])

  documents['/keys'] = undefined
  await t.rejects(keys.findAgain('d-2', nowMs + 3000), IssuerUnavailableError)
  documents['/moved'] = { keys: [newJwk('d-2')] }
  documents[path] = { issuer: issuer.url, jwks_uri: `${issuer.url}/moved` }
  t.equal((await keys.findAgain('d-2', nowMs + 4000))?.kid, 'd-2')
})

test('a service that closes does not wait for an issuer that hangs, and says nothing of it', async (t) => {
  const issuer = await startIssuer(t)
  const keys = issuer.open()
  const asked = new Promise<void>((resolve) => {
    issuer.answer = () => resolve()
  })
  const found = keys.findAgain('d-1', START_MS)
  await asked
  keys.stop()
  await t.rejects(found, IssuerUnavailableError)
  t.same(issuer.warnings, [])
})
