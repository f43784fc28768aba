// @fastify/jwt: RS256 on the tokens of the plugin, or HS256 on tokens with the same payload.
import { createPublicKey, randomBytes } from 'node:crypto'
import fastifyJwt from '@fastify/jwt'
import Fastify from 'fastify'
import { serve } from '../../../.build/bench/servers/serve.js'

serve(async ({ algorithm, cache, jwks, tokens }) => {
  const app = Fastify()
  await app.register(fastifyJwt, {
    secret:
      algorithm === 'RS256'
        ? { public: publicKeyOf(jwks, tokens[0]) }
        : randomBytes(32).toString('hex'),
    verify: { algorithms: [algorithm], cache: cache && 10_000 }
  })
  const onRequest = async (request) => {
    await request.jwtVerify()
  }
  app.get('/me', { onRequest }, async ({ user }) => ({ userId: user.sub }))
  if (algorithm === 'RS256') return { app }
  await app.ready()
  const requests = tokens.map((token) => ({
    authorization: `Bearer ${app.jwt.sign(read(token, 1))}`
  }))
  return { app, requests }
})

function publicKeyOf(jwks, token) {
  const { kid } = read(token, 0)
  const key = jwks.find((jwk) => jwk.kid === kid)
  return createPublicKey({ key, format: 'jwk' }).export({ format: 'pem', type: 'spki' })
}

/** A part of a JWT: 0 is the header, 1 the payload. */
function read(token, part) {
  return JSON.parse(Buffer.from(token.split('.')[part], 'base64url').toString())
}
