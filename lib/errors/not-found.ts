import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { handleError } from './error-handler.ts'
import { HTTPException } from './http-exception.ts'
import { type AppNotFound, type ErrorLayer, scopeOf } from './scope.ts'
import { isWatched } from './send-watch.ts'

/**
 * Answers a path that leads nowhere through the handlers of 404, 405 and `HTTPException`.
 *
 * It is no error: `onError` hooks do not hear of it, as in Fastify. The URL is not repeated to the
 * client.
 */
export function notFoundHandler(request: FastifyRequest, reply: FastifyReply): void {
  const methods = scopeOf(request.server)?.layer.allowed?.methodsOf(request.url) ?? []
  // A route that calls reply.callNotFound() has the method: what is missing is something else.
  const isMissing = methods.length === 0 || methods.includes(request.method)
  const exception = isMissing
    ? new HTTPException(404)
    : new HTTPException(405, undefined, { headers: { allow: methods.join(', ') } })
  // An exception handler called reply.callNotFound(): its own error handling goes on.
  if (isWatched(reply)) reply.send(exception)
  else handleError(exception, request, reply)
}

/**
 * Makes `notFoundHandler` answer unknown paths, unless the app sets a handler of its own, before or
 * after this. Fastify takes one for each prefix, so what comes later is kept here.
 */
export function installNotFound(instance: FastifyInstance, layer: ErrorLayer): void {
  const { setNotFoundHandler } = instance
  try {
    instance.setNotFoundHandler((request, reply) =>
      layer.notFound === undefined
        ? notFoundHandler(request, reply)
        : answerByApp(layer.notFound, request, reply)
    )
  } catch {
    instance.log.info('the app has a not-found handler of its own, which stays in charge')
    return
  }
  instance.setNotFoundHandler = function setLater(
    this: FastifyInstance,
    ...parameters: Parameters<typeof setNotFoundHandler>
  ) {
    if (layer.notFound === undefined && !layer.frozen) {
      const later = appNotFound(this, parameters)
      // A scope with a prefix has a handler of its own in Fastify.
      if (later !== undefined && this.prefix === instance.prefix) {
        layer.notFound = later
        return this
      }
    }
    return setNotFoundHandler.apply(this, parameters)
  } as typeof setNotFoundHandler
}

function appNotFound(instance: FastifyInstance, parameters: unknown[]): AppNotFound | undefined {
  const [first, second] = parameters
  const handler = typeof first === 'function' ? first : second
  if (typeof handler !== 'function') return undefined
  const { preValidation = [], preHandler = [] } = Object(typeof first === 'object' ? first : {})
  const hooks = [preValidation, preHandler].flat() as AppNotFound['hooks']
  return { handler: handler.bind(instance), hooks: hooks.map((hook) => hook.bind(instance)) }
}

async function answerByApp(
  { handler, hooks }: AppNotFound,
  request: FastifyRequest,
  reply: FastifyReply
): Promise<unknown> {
  for (const hook of hooks) {
    await new Promise<unknown>((resolve, reject) => {
      const done = (error?: unknown) => (error ? reject(error) : resolve(undefined))
      const result = hook(request, reply, done)
      if (result instanceof Promise) result.then(resolve, reject)
    })
    if (reply.sent) return reply
  }
  const answer = handler(request, reply)
  // A handler that returns nothing answers later; nothing returned here would be sent as the answer.
  return answer === undefined ? reply : answer
}
