import { randomBytes } from 'node:crypto'
import { test } from 'tap'
import { BoundCookies } from '../../lib/device-binding/bound-cookie.ts'
import { START_MS } from '../builders/app.ts'

const keys = [randomBytes(32), randomBytes(32)]
const settings = { name: 'sDevice', domain: undefined, path: '/', lifetimeMs: 600_000 }
const cookies = new BoundCookies(keys, settings)
const binding = { handle: 'handle', jkt: 'thumbprint' }

function issued(from = cookies): string {
  const [value = ''] = from.valuesIn(from.issue(binding, 'lax', START_MS).split(';')[0])
  return value
}

test('the cookie is as narrow as its job allows', async (t) => {
  t.match(
    cookies.issue(binding, 'lax', START_MS),
    /^__Host-sDevice=[^;]+; Max-Age=540; Path=\/; HttpOnly; Secure; SameSite=Lax$/
  )
  t.equal(
    cookies.clear('lax'),
    '__Host-sDevice=; Max-Age=0; Path=/; HttpOnly; Secure; SameSite=Lax'
  )
  t.equal(cookies.attributes('none'), 'Path=/; HttpOnly; Secure; SameSite=None')
})

test('a cookie with a domain or a path has the other prefix', async (t) => {
  const wide = new BoundCookies(keys, { ...settings, domain: '.example.com' })
  const narrow = new BoundCookies(keys, { ...settings, path: '/api' })
  t.match(
    wide.issue(binding, 'none', START_MS),
    /^__Secure-sDevice=.*; Domain=\.example\.com; .*SameSite=None$/
  )
  t.match(narrow.issue(binding, 'strict', START_MS), /^__Secure-sDevice=.*; Path=\/api; /)
})

test('a cookie is good for its session and key until it ends', async (t) => {
  const value = issued()
  t.equal(cookies.endOf(value, binding, START_MS), START_MS + 600_000)
  t.equal(cookies.endOf(value, binding, START_MS + 600_000), null)
  t.equal(cookies.endOf(value, { ...binding, handle: 'another' }, START_MS), null)
  t.equal(cookies.endOf(value, { ...binding, jkt: 'another' }, START_MS), null)
})

test('a cookie that was changed or made up is not good', async (t) => {
  const value = issued()
  for (const other of ['', '.', 'zzzzzzzzz', `${value}A`, value.replace(/^./, 'z')])
    t.equal(cookies.endOf(other, binding, START_MS), null, JSON.stringify(other))
})

test('a cookie outlives a change of the secret', async (t) => {
  const value = issued(new BoundCookies(keys.slice(1), settings))
  t.equal(cookies.endOf(value, binding, START_MS), START_MS + 600_000)
})

test('all cookies of the name are found, up to a bound', async (t) => {
  t.same(cookies.valuesIn(undefined), [])
  t.same(cookies.valuesIn('a=1; x__Host-sDevice=2;__Host-sDevice=3 ; __Host-sDevice=4'), ['3', '4'])
  t.equal(cookies.valuesIn('__Host-sDevice=1;'.repeat(9)).length, 4)
  t.same(cookies.valuesIn('\xa0__Host-sDevice=1;\t__Host-sDevice=2'), ['2'], 'another name')
  const spaces = ' '.repeat(15_000)
  t.same(cookies.valuesIn(`a=b${spaces}c;${spaces}__Host-sDevice=1${spaces}`), ['1'])
})
