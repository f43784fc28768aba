import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { readFile } from 'node:fs/promises'
import { type Test, test } from 'tap'
import type { SessionMessage } from '../../lib/index.ts'
import { buildApp } from '../builders/app.ts'
import { Client } from '../builders/client.ts'

const CHANNEL = 'fastify-supersession:session'

function listen(t: Test): (SessionMessage & { request?: unknown })[] {
  const messages: SessionMessage[] = []
  const onMessage = (message: unknown) => void messages.push(message as SessionMessage)
  subscribe(CHANNEL, onMessage)
  t.teardown(() => unsubscribe(CHANNEL, onMessage))
  return messages
}

/** A message without what differs from request to request. */
const gist = ({ request, ...rest }: { request?: unknown }) => rest

test('the life of a session is told, step by step', async (t) => {
  const { app, clock } = await buildApp(t)
  const messages = listen(t)
  const take = () => messages.splice(0).map(gist)
  const client = new Client(app, 'cookie')
  const { handle: sessionHandle } = (await client.login()).json()
  const of = { sessionHandle, userId: 'ada' }
  t.ok(messages[0]?.request, 'with its request')
  t.same(take(), [{ kind: 'created', ...of }])
  await client.get('/me')
  t.same(take(), [], 'a request that is verified tells nothing')
  const thief = client.copy()
  await client.refresh()
  t.same(take(), [{ kind: 'refreshed', ...of }])
  await client.get('/me')
  t.same(take(), [{ kind: 'confirmed', ...of }])
  clock.advance(31)
  await client.refresh()
  await client.get('/me')
  take()
  clock.advance(31)
  await thief.refresh()
  t.match(take(), [
    { kind: 'revoked', sessionHandles: [sessionHandle] },
    { kind: 'theft', ...of },
    { kind: 'refused', reason: 'theft', status: 401 }
  ])
})

test('what the app does by itself is told without a request', async (t) => {
  const { app } = await buildApp(t)
  const messages = listen(t)
  const { session, refreshToken = '' } = await app.sessions.issue({ userId: 'bob' })
  await app.sessions.rotate(refreshToken)
  const of = { sessionHandle: session.handle, userId: 'bob', request: null }
  t.same(messages.splice(0), [
    { kind: 'created', ...of },
    { kind: 'refreshed', ...of }
  ])
  await app.sessions.revoke(session.handle)
  await app.sessions.revoke(session.handle)
  t.same(messages.splice(0), [{ kind: 'revoked', sessionHandles: [session.handle] }])
  await app.sessions.rotateKeys()
  await app.sessions.rotateKeys({ revoke: true })
  t.same(messages.splice(0), [
    { kind: 'keys-rotated', revoked: 0 },
    { kind: 'keys-rotated', revoked: 2 }
  ])
})

test('no message holds a token or a hash', async (t) => {
  const { app } = await buildApp(t, { antiCsrf: 'VIA_TOKEN' })
  const messages = listen(t)
  const client = new Client(app, 'cookie')
  await client.login()
  const secrets = [client.accessToken, client.refreshToken, client.antiCsrf]
  await client.refresh()
  await client.get('/me')
  await client.post('/auth/signout')
  t.ok(messages.length >= 4)
  const text = JSON.stringify(messages.map(gist))
  for (const secret of [...secrets, client.accessToken, client.refreshToken])
    t.notOk(text.includes(String(secret)))
})

test('the page lists each kind with its members, and no other', async (t) => {
  const page = await readFile('docs/operation.md', 'utf8')
  const [, table = ''] = /\| kind \| when \|(.*?)\n\n/s.exec(page) ?? []
  const listed = [...table.matchAll(/^\| `([\w-]+)` \|.*\| (.*) \|$/gm)].map(
    ([, kind, members]) => [
      kind,
      [...String(members).matchAll(/`(\w+)`/g)].map(([, name]) => name).sort()
    ]
  )
  const sources = ['lib/session/events.ts', 'lib/errors/report.ts']
  const code = (await Promise.all(sources.map((path) => readFile(path, 'utf8')))).join('\n')
  const declared = [
    ...code.matchAll(/interface \w+Message( extends OfSession)? \{\n(.*?)\n\}/gs)
  ].flatMap(([, ofSession, body]) => {
    const kind = /kind: '([\w-]+)'$/m.exec(String(body))?.[1]
    const members = [...String(body).matchAll(/readonly (\w+)\??:/g)].map(([, name]) =>
      String(name)
    )
    const all = [...members, ...(ofSession ? ['sessionHandle', 'userId', 'request'] : [])]
    return [[kind, all.filter((name) => name !== 'kind').sort()] as const]
  })
  const kinds = new Set(listed.map(([kind]) => kind))
  t.same(
    listed.toSorted(),
    declared.filter(([kind]) => kind !== undefined && kinds.has(kind)).toSorted()
  )
  t.equal(kinds.size, 10)
})
