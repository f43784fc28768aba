import Fastify from 'fastify'
import supersession from 'fastify-supersession'

interface Cart {
  readonly items: readonly string[]
}

const app = Fastify()
await app.register(supersession)

app.post('/login', async (request, reply) => {
  const cart: Cart = { items: [] }
  await app.sessions.create(request, reply, { userId: 'ada', sessionData: cart })
})

app.get('/cart', { preHandler: app.verifySession() }, async (request) => {
  const cart: Cart = { items: ['a'] }
  await request.session.updateData(cart)
  await request.session.mergePayload({ plan: 'pro' })
  const { items } = await request.session.getData()
  const { plan } = request.session.payload
  // @ts-expect-error nobody has said what they are
  return [...items, plan.length]
})

// @ts-expect-error data is an object
app.sessions.updateData('handle', 'cart')
