import type { Socket } from 'node:net'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { handleError } from './error-handler.ts'
import { reasonPhrase } from './http-exception.ts'
import { JSON_TYPE, renderDetail, renderSafely, stringifyJson } from './render.ts'
import type { RenderedBody, RenderInput } from './types.ts'

/**
 * For `Fastify({ frameworkErrors })`: answers a URL that the router cannot read, which no hook and
 * no error handler of the app gets to see.
 */
export function frameworkErrorsHandler(
  error: Error,
  request: FastifyRequest,
  reply: FastifyReply
): void {
  handleError(error, request, reply)
}

const statuses: Readonly<Record<string, number>> = {
  ERR_HTTP_REQUEST_TIMEOUT: 408,
  HPE_HEADER_OVERFLOW: 431
}

/**
 * For `Fastify({ clientErrorHandler })`: writes the same bodies to what is no HTTP request at all.
 *
 * @param render - `renderDetail`, `renderFastify`, or the app's own renderer.
 */
export function clientErrorHandler(
  render: (input: Omit<RenderInput, 'request'>) => RenderedBody = renderDetail
): (this: FastifyInstance, error: Error & { code?: string }, socket: Socket) => void {
  return function writeClientError(error, socket) {
    if (error.code === 'ECONNRESET' || socket.destroyed) return
    const status = statuses[error.code ?? ''] ?? 400
    const phrase = reasonPhrase(status)
    this.log.trace({ err: error }, 'client error')
    // One that reads the request, as it may elsewhere, fails: there is none here.
    const input = { status, error, detail: phrase }
    const { type = JSON_TYPE, body } = renderSafely(render, input, this.log)
    const text = typeof body === 'string' ? body : stringifyJson(body)
    const head = [
      `HTTP/1.1 ${status} ${phrase}`,
      `content-type: ${type}`,
      `content-length: ${Buffer.byteLength(text)}`,
      'connection: close'
    ]
    if (socket.writable) socket.write(`${head.join('\r\n')}\r\n\r\n${text}`)
    socket.destroy(error)
  }
}
