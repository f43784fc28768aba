import { type Test, test } from 'tap'
import { buildApp } from '../../examples/recipes/server-rendered-pages.ts'
import { TestClock } from '../../lib/testing/index.ts'
import { FAST_KEYS } from '../builders/app.ts'
import { Client, type Response } from '../builders/client.ts'
import { checkPageCode } from '../builders/page-code.ts'

/** The app, and a browser of somebody who is logged in; redirects are not followed. */
async function open(t: Test) {
  const clock = new TestClock()
  const app = await buildApp({ ...FAST_KEYS, clock: clock.read })
  t.teardown(() => app.close())
  const browser = new Client(app, 'cookie')
  const submit = (url: string, fields: Record<string, string> | string, headers = {}) =>
    browser.request({
      method: 'POST',
      url,
      payload: new URLSearchParams(fields).toString(),
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        host: 'localhost',
        ...headers
      }
    })
  t.equal(goal(await submit('/login', { user: 'ada' })), '303 /account')
  return { app, clock, browser, submit }
}

/** Where a reply sends the browser. */
function goal({ statusCode, headers, body }: Response): string {
  const [, refreshed] = /content="0; url=(.*?)"/.exec(body) ?? []
  return `${statusCode} ${headers.location ?? refreshed}`
}

test('the page shows the example', async (t) => {
  await checkPageCode(t, 'docs/recipes/server-rendered-pages.md')
})

test('a login by form gives cookies, which a form cannot ask for', async (t) => {
  const { app, browser, submit } = await open(t)
  t.match((await app.inject('/login')).body, '<form method="post">')
  t.match((await browser.get('/account')).body, '<h1>ada</h1>')
  t.equal(goal(await submit('/account', { name: '<Ada>' })), '303 /account')
  t.match((await browser.get('/account')).body, '<h1>&#60;Ada&#62;</h1>')
})

test('a form of another page logs nobody in or out', async (t) => {
  const { browser, submit } = await open(t)
  const foreign: readonly Record<string, string>[] = [
    { 'sec-fetch-site': 'cross-site', origin: 'https://evil.test' },
    { 'sec-fetch-site': 'same-site', origin: 'http://sub.localhost' },
    { origin: 'https://evil.test' },
    { origin: 'http://sub.localhost' },
    { origin: 'http://localhost.evil.test' },
    { origin: 'null' }
  ]
  for (const headers of foreign) {
    for (const url of ['/login', '/logout']) {
      const { statusCode, cookies } = await submit(url, { user: 'eve' }, headers)
      t.equal(statusCode, 403, `${url} ${JSON.stringify(headers)}`)
      t.same(cookies, [])
    }
  }
  t.match((await browser.get('/account')).body, '<h1>ada</h1>')
  const own: readonly Record<string, string>[] = [
    { 'sec-fetch-site': 'same-origin', origin: 'http://localhost' },
    { origin: 'http://localhost' },
    { origin: 'https://localhost' }
  ]
  for (const headers of own)
    t.equal(goal(await submit('/login', { user: 'ada' }, headers)), '303 /account')
})

test('a form without its field, or with it twice, is 422', async (t) => {
  const { browser, submit } = await open(t)
  const wrong = ['', 'user=', 'user=a&user=b&name=a&name=b', 'user=%00', `user=${'x'.repeat(101)}`]
  for (const fields of wrong) t.equal((await submit('/login', fields)).statusCode, 422, fields)
  for (const fields of ['', 'name=a&name=b', `name=${'x'.repeat(101)}`])
    t.equal((await submit('/account', fields)).statusCode, 422, fields)
  t.match((await browser.get('/account')).body, '<h1>ada</h1>')
  const { body, headers } = await submit('/account', {})
  t.equal(headers['content-type'], 'text/html; charset=utf-8')
  t.equal(body, '<p>name: Field required</p>')
})

test('who has no session is sent to the login', async (t) => {
  const { app, browser } = await open(t)
  t.equal(goal(await app.inject('/account')), '303 /login')
  t.equal(goal(await app.inject('/auth/session/refresh/page')), '303 /login')
  t.equal(goal(await browser.post('/logout')), '303 /login')
  t.equal(goal(await browser.get('/account')), '303 /login')
})

test('an expired access token sends a page and a form round by the refresh page', async (t) => {
  const { clock, browser, submit } = await open(t)
  clock.advance(3601)
  const next = '/auth/session/refresh/page?next=%2Faccount%3Ftab%3D2'
  t.equal(goal(await browser.get('/account?tab=2')), `401 ${next}`)
  t.equal(goal(await browser.get(next)), '307 /account?tab=2')
  t.equal((await browser.get('/account?tab=2')).statusCode, 200)
  clock.advance(3601)
  const form = '/auth/session/refresh/page?next=%2Faccount'
  t.equal(goal(await submit('/account', { name: 'Ada' })), `307 ${form}`)
  t.equal(goal(await submit(form, { name: 'Ada' })), '307 /account')
  t.equal(goal(await submit('/account', { name: 'Ada' })), '303 /account')
})

test('the refresh page leads to no other site', async (t) => {
  const { browser } = await open(t)
  for (const next of [
    '//evil.test',
    '/\\evil.test',
    '/\t/evil.test',
    'https://evil.test',
    '/\r\nx: y',
    ''
  ]) {
    const url = `/auth/session/refresh/page?next=${encodeURIComponent(next)}`
    t.equal(goal(await browser.get(url)), '307 /', next)
  }
  t.equal(goal(await browser.get('/auth/session/refresh/page')), '307 /')
  for (const twice of ['next=/a&next=/b', 'next=/a&next=//evil.test'])
    t.equal(goal(await browser.get(`/auth/session/refresh/page?${twice}`)), '307 /', twice)
})

test('a stolen session ends at the login', async (t) => {
  const { clock, browser } = await open(t)
  const thief = browser.copy()
  for (let turn = 0; turn < 2; turn++) {
    clock.advance(3601)
    await browser.get('/auth/session/refresh/page')
    await browser.get('/account')
  }
  clock.advance(3601)
  t.equal(goal(await thief.get('/auth/session/refresh/page')), '303 /login')
  t.equal(goal(await browser.get('/auth/session/refresh/page')), '303 /login')
})
