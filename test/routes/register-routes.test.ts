import { test } from 'tap'
import { buildApp } from '../builders/app.ts'
import { Client } from '../builders/client.ts'

for (const routerOptions of [{}, { ignoreTrailingSlash: true }, { caseSensitive: false }]) {
  test(`the routes take a tenant and a slash behind, with ${JSON.stringify(routerOptions)}`, async (t) => {
    const { app } = await buildApp(t, {}, { routerOptions })
    for (const base of ['/auth', '/auth/tenant-1']) {
      for (const end of ['', '/', '?x=1', '/?x=1']) {
        const client = new Client(app, 'header')
        await client.login()
        const headers = { authorization: `Bearer ${client.refreshToken}` }
        const url = `${base}/session/refresh${end}`
        t.equal((await app.inject({ method: 'POST', url, headers })).statusCode, 200, url)
        const signOut = await client.post(`${base}/signout${end}`)
        t.same(signOut.json(), { status: 'OK' }, base + end)
        for (const path of ['/jwt/jwks.json', '/.well-known/openid-configuration'])
          t.equal((await app.inject(base + path + end)).statusCode, 200, base + path + end)
      }
    }
  })
}

test('what is no tenant’s id is another path', async (t) => {
  const { app } = await buildApp(t)
  for (const path of ['/auth/t_1/signout', '/auth/a/b/signout', '/auth//signout', '/signout'])
    t.equal((await app.inject({ method: 'POST', url: path })).statusCode, 404, path)
})

test('a route of the app next to the plugin’s is left alone', async (t) => {
  const { app } = await buildApp(t)
  app.post('/auth/signup', async () => ({ own: true }))
  t.same((await app.inject({ method: 'POST', url: '/auth/signup' })).json(), { own: true })
})
