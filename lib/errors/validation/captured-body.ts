import type { FastifyRequest } from 'fastify'

const bodies = new WeakMap<FastifyRequest, { readonly body: unknown }>()

/** Keeps a copy of the body before a validator coerces, completes or prunes it. */
export function captureBody(request: FastifyRequest): void {
  bodies.set(request, { body: copyOf(request.body) })
}

/** The body to show with an error: the copy, or what has become of the body by now. */
export function bodyOf(request: FastifyRequest): unknown {
  const captured = bodies.get(request)
  return captured === undefined ? request.body : captured.body
}

/** A body that cannot be copied, such as a stream, is none that a schema describes. */
function copyOf(body: unknown): unknown {
  try {
    return structuredClone(body)
  } catch {
    return body
  }
}
