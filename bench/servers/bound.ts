// The plugin with a session of its own in cookies, bound to a device by its browser (DBSC) or not.
import Fastify, { type FastifyInstance, type LightMyRequestResponse } from 'fastify'
import supersession from '../../lib/index.ts'
import { Device } from '../../test/builders/device.ts'
import { amongForeignCookies } from '../requests.ts'
import { serve } from './serve.ts'

serve(async ({ isBound }: { readonly isBound: boolean }) => {
  const app = Fastify()
  await app.register(supersession, {
    appInfo: { apiDomain: 'https://api.example.com' },
    deviceBinding: { methods: 'dbsc', boundCookieLifetime: '1d' }
  })
  app.post('/login', async (request, reply) => {
    await app.sessions.create(request, reply, { userId: crypto.randomUUID() })
    return {}
  })
  const onRequest = app.verifySession()
  app.get('/me', { onRequest }, async ({ session }) => ({ userId: session.userId }))
  const cookie = await logIn(app, isBound)
  return { app, requests: [{ cookie: amongForeignCookies(cookie) }] }
})

async function logIn(app: FastifyInstance, isBound: boolean): Promise<string> {
  const jar = new Map<string, string>()
  const post = async (url: string, more: Record<string, string>) => {
    const headers = { 'st-auth-mode': 'cookie', cookie: headerOf(jar), ...more }
    const reply = await app.inject({ method: 'POST', url, headers })
    keepCookies(jar, reply)
    return reply
  }
  const { headers } = await post('/login', {})
  if (isBound) {
    const registration = String(headers['secure-session-registration'])
    const [, challenge = ''] = /"(\w+\.[\w-]+\.[\w-]+)"/.exec(registration) ?? []
    const proof = new Device().register(challenge)
    await post('/auth/session/device', { 'secure-session-response': proof })
  }
  jar.delete('sRefreshToken')
  return headerOf(jar)
}

function keepCookies(jar: Map<string, string>, { cookies }: LightMyRequestResponse): void {
  for (const { name, value } of cookies) jar.set(name, value)
}

function headerOf(jar: ReadonlyMap<string, string>): string {
  return [...jar].map(([name, value]) => `${name}=${value}`).join('; ')
}
