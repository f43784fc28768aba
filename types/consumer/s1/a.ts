import type { Http2SecureServer, Http2Server } from 'node:http2'
import Fastify, {
  type FastifyReply,
  type FastifyRequest,
  type RawServerBase,
  type RouteGenericInterface
} from 'fastify'

type AnyRequest = FastifyRequest<RouteGenericInterface, RawServerBase>
type AnyReply = FastifyReply<RouteGenericInterface, RawServerBase>
declare const r: FastifyRequest
export const a: AnyRequest = r
declare const h: FastifyRequest<RouteGenericInterface, Http2SecureServer>
export const b: AnyRequest = h
declare const p: FastifyReply<RouteGenericInterface, Http2SecureServer>
export const c: AnyReply = p
declare function hook(request: AnyRequest, reply: AnyReply, done: (e?: Error) => void): void
const app = Fastify({ http2: true })
app.get('/', { preHandler: hook }, async () => 1)
const app2 = Fastify({ http2: true, https: {} })
app2.get('/', { preHandler: hook }, async () => 1)
Fastify().get('/', { preHandler: hook }, async () => 1)
export type X = Http2Server
