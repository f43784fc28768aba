// Starlette, "WebSocketException": an exception closes the socket with a code, and so can a handler.
import websocket from '@fastify/websocket'
import Fastify, { type FastifyInstance } from 'fastify'
import errors, { guardSocket, WebSocketException } from '../../lib/errors/index.ts'

export async function build(): Promise<FastifyInstance> {
  const app = Fastify()
  await app.register(errors)
  await app.register(websocket)
  app.setWebSocketExceptionHandler(RangeError, (_error, socket) => socket.close(1008, 'too far'))
  app.get('/echo', { websocket: true }, (socket, request) => {
    // A listener runs outside of the route's handler. guardSocket passes its errors on.
    const onMessage = guardSocket(request, socket, async (data: Buffer) => {
      const text = data.toString()
      if (text === 'bye') throw new WebSocketException(4000, 'bye to you')
      if (text.length > 10) throw new RangeError('too long')
      socket.send(text)
    })
    socket.on('message', onMessage)
  })
  return app
}
