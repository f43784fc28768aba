// The route without any check: what everything else is measured by.
import Fastify from 'fastify'
import { serve } from './serve.ts'

serve(async ({ userId }: { userId: string }) => {
  const app = Fastify()
  app.get('/me', async () => ({ userId }))
  return { app }
})
