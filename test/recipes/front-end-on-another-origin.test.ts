import { createRequire } from 'node:module'
import { runInThisContext } from 'node:vm'
import { build } from 'esbuild'
import { test } from 'tap'
import { buildApi } from '../../examples/recipes/front-end-api.ts'
import { refuseBadLogins } from '../builders/bad-logins.ts'
import { Client } from '../builders/client.ts'
import { checkPageCode } from '../builders/page-code.ts'

const WEBSITE = 'https://www.example.com'

test('the page shows the example', async (t) => {
  await checkPageCode(t, 'docs/recipes/front-end-on-another-origin.md')
})

test('the website may send what the SDK sends, other pages may not', async (t) => {
  const app = await buildApi('https://api.example.com', WEBSITE)
  t.teardown(() => app.close())
  const preflight = (origin: string) =>
    app.inject({
      method: 'OPTIONS',
      url: '/me',
      headers: {
        origin,
        'access-control-request-method': 'GET',
        'access-control-request-headers': 'rid,st-auth-mode,authorization'
      }
    })
  const { headers } = await preflight(WEBSITE)
  t.equal(headers['access-control-allow-origin'], WEBSITE)
  t.equal(headers['access-control-allow-credentials'], 'true')
  t.match(headers['access-control-allow-headers'], /rid.*authorization, st-auth-mode/)
  const foreign = await preflight('https://evil.test')
  t.equal(foreign.headers['access-control-allow-origin'], WEBSITE, 'browsers stop here')
  const refused = await app.inject({ url: '/me', headers: { origin: WEBSITE } })
  t.equal(refused.statusCode, 401)
  t.equal(refused.headers['access-control-allow-origin'], WEBSITE, 'the SDK can read it')
})

test('a login without a user of any use is 422', async (t) => {
  const app = await buildApi('https://api.example.com', WEBSITE)
  t.teardown(() => app.close())
  await refuseBadLogins(t, app)
})

test("Next's server may pass on the access token that it finds in a cookie", async (t) => {
  const app = await buildApi('https://api.example.com', WEBSITE)
  t.teardown(() => app.close())
  const browser = new Client(app, 'cookie')
  await browser.login()
  const headers = { authorization: `Bearer ${browser.accessToken}` }
  t.same((await app.inject({ url: '/me', headers })).json(), { userId: 'ada' })
})

test('the component can be rendered by a server', async (t) => {
  const { outputFiles } = await build({
    entryPoints: ['examples/recipes/front-end-account.jsx'],
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'cjs',
    jsx: 'automatic',
    write: false
  })
  const require = createRequire(import.meta.url)
  const module = { exports: {} as { Account?: () => unknown } }
  runInThisContext(`(require, module) => {${outputFiles[0]?.text}}`)(require, module)
  const { createElement } = require('react')
  const { renderToString } = require('react-dom/server')
  t.equal(renderToString(createElement(module.exports.Account)), '<p>One moment …</p>')
})
