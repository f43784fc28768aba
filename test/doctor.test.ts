import cors, { type FastifyCorsOptions } from '@fastify/cors'
import Fastify from 'fastify'
import { type Test, test } from 'tap'
import supersession, {
  getAllCORSHeaders,
  memoryStore,
  type SupersessionOptions
} from '../lib/index.ts'
import { FAST_KEYS } from './builders/app.ts'

const SAME_SITE = { apiDomain: 'https://api.example.com', websiteDomain: 'https://example.com' }
const ALLOWED = ['content-type', ...getAllCORSHeaders()]

/** What an app warns of until it listens. */
async function warningsOf(
  t: Test,
  options: SupersessionOptions,
  corsOptions?: FastifyCorsOptions
): Promise<string[]> {
  const warnings: string[] = []
  const write = (line: string) => {
    const { level, msg } = JSON.parse(line)
    if (level === 40) warnings.push(msg)
  }
  const app = Fastify({ logger: { level: 'warn', stream: { write } } })
  t.teardown(() => app.close())
  if (corsOptions !== undefined) await app.register(cors, corsOptions)
  await app.register(supersession, { ...FAST_KEYS, ...options })
  // The last of the hooks that run once the app listens.
  const listened = new Promise<void>((resolve) => {
    app.addHook('onListen', async () => resolve())
  })
  await app.listen({ host: '127.0.0.1', port: 0 })
  await listened
  return warnings
}

test('a good configuration is silent', async (t) => {
  const good: SupersessionOptions = {
    appInfo: SAME_SITE,
    cookieDomain: '.example.com',
    olderCookieDomain: '',
    cookieSameSite: 'lax',
    store: memoryStore()
  }
  const corsOptions = { origin: 'https://example.com', credentials: true, allowedHeaders: ALLOWED }
  t.same(await warningsOf(t, good, corsOptions), [])
  t.same(await warningsOf(t, {}), [], 'and so is none on localhost')
  const origin = () => 'https://example.com'
  t.same(await warningsOf(t, { appInfo: { origin }, cookieSameSite: 'lax' }), [])
  t.same(await warningsOf(t, { cookieSameSite: 'strict' }), [])
})

const bad: [warning: RegExp, options: SupersessionOptions][] = [
  [
    /cookieDomain example\.org does not contain/,
    { cookieDomain: 'example.org', olderCookieDomain: '' }
  ],
  [/olderCookieDomain is not/, { cookieDomain: 'localhost' }],
  [
    /browsers do not send the cookies/,
    {
      cookieSameSite: 'lax',
      appInfo: { apiDomain: 'https://api.example.com', websiteDomain: 'https://other.org' }
    }
  ],
  [
    /browsers block the requests/,
    { appInfo: { apiDomain: 'http://api.example.com', websiteDomain: 'https://example.com' } }
  ]
]

for (const [warning, options] of bad) {
  test(`the app is warned: ${warning.source}`, async (t) => {
    const warnings = await warningsOf(t, options)
    t.equal(warnings.filter((text) => warning.test(text)).length, 1, warnings.join('\n'))
  })
}

const badCors: [warning: RegExp, options: FastifyCorsOptions | undefined][] = [
  [/does not let the website https:\/\/example\.com in/, undefined],
  [/does not let the website/, { origin: 'https://elsewhere.org', credentials: true }],
  [/allows no credentials/, { origin: 'https://example.com', allowedHeaders: ALLOWED }],
  [
    /does not allow the headers fdi-version, anti-csrf, st-auth-mode/,
    { origin: 'https://example.com', credentials: true, allowedHeaders: 'rid, Authorization' }
  ],
  [
    /does not allow the headers rid/,
    { origin: 'https://example.com', credentials: true, allowedHeaders: [] }
  ]
]

for (const [warning, options] of badCors) {
  test(`CORS is asked once the app listens: ${warning.source}`, async (t) => {
    const warnings = await warningsOf(t, { appInfo: SAME_SITE }, options)
    t.match(warnings, [warning])
    t.equal(warnings.length, 1)
  })
}
