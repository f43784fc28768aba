// supertokens-node, on the tokens of the plugin: it asks a core for their public keys, and for
// nothing else. The core here answers just that.
import { once } from 'node:events'
import { createServer } from 'node:http'
import Fastify from 'fastify'
import supertokens from 'supertokens-node'
import { errorHandler, plugin } from 'supertokens-node/framework/fastify/index.js'
import { verifySession } from 'supertokens-node/recipe/session/framework/fastify/index.js'
import Session from 'supertokens-node/recipe/session/index.js'
import { serve } from '../../../.build/bench/servers/serve.js'

serve(async ({ jwks }) => {
  supertokens.init({
    framework: 'fastify',
    telemetry: false,
    supertokens: { connectionURI: await startCore(jwks) },
    appInfo: {
      appName: 'bench',
      apiDomain: 'http://localhost:3000',
      websiteDomain: 'http://localhost:3000'
    },
    recipeList: [Session.init()]
  })
  const app = Fastify()
  await app.register(plugin)
  app.setErrorHandler(errorHandler())
  app.get('/me', { preHandler: verifySession() }, async ({ session }) => ({
    userId: session.getUserId()
  }))
  return { app }
})

async function startCore(jwks) {
  const answers = {
    '/apiversion': { versions: ['5.4'] },
    '/.well-known/jwks.json': { keys: jwks }
  }
  const core = createServer((request, reply) => {
    const answer = answers[new URL(request.url, 'http://core').pathname]
    reply.writeHead(answer === undefined ? 404 : 200, { 'content-type': 'application/json' })
    reply.end(JSON.stringify(answer ?? {}))
  })
  core.listen(0, '127.0.0.1')
  await once(core, 'listening')
  return `http://127.0.0.1:${core.address().port}`
}
