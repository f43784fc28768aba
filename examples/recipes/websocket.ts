// A chat: who is logged in may enter, and leaves with the session.
import websocket from '@fastify/websocket'
import Fastify, { type FastifyInstance } from 'fastify'
import supersession, {
  guardSocket,
  type SupersessionOptions,
  WebSocketException
} from '../../lib/index.ts'

/** In bytes. What a client does not read waits in this process. */
const MAX_UNREAD = 256 * 1024

const body = {
  type: 'object',
  required: ['userId'],
  properties: { userId: { type: 'string', pattern: '^[\\w-]{1,100}$' } }
} as const

export async function buildApp(options: SupersessionOptions = {}): Promise<FastifyInstance> {
  const app = Fastify()
  await app.register(supersession, options)
  await app.register(websocket, { options: { maxPayload: 64 * 1024 } })

  app.post<{ Body: { userId: string } }>('/login', { schema: { body } }, async (request, reply) => {
    // After checking the password.
    await app.sessions.create(request, reply, { userId: request.body.userId })
    return { ok: true }
  })

  const preValidation = app.verifySession()
  app.get('/chat', { websocket: true, preValidation }, (socket, request) => {
    const { session } = request
    session.attachSocket(socket)
    const onMessage = guardSocket(request, socket, (data: Buffer) => {
      // Until it has answered the close frame, a client may go on sending.
      if (socket.readyState !== socket.OPEN) return
      const text = data.toString()
      if (text.length > 500) throw new WebSocketException(1009, 'at most 500 characters')
      for (const client of app.websocketServer.clients) {
        if (client.bufferedAmount > MAX_UNREAD) client.terminate()
        else client.send(`${session.userId}: ${text}`)
      }
    })
    socket.on('message', onMessage)
  })
  return app
}
