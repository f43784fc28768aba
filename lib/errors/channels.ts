import { type Channel, channel } from 'node:diagnostics_channel'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { ExceptionKey } from './types.ts'

/** Where an error was found when there was no reply left to give. */
export type LatePhase = 'headers-sent' | 'background'

/** Published once an error's reply was handed over. */
export interface HandledMessage {
  readonly error: Error
  /** The first thing thrown in the request. */
  readonly original: unknown
  /** What the handler that answered is registered for; `null` for a default one. */
  readonly key: ExceptionKey | null
  readonly status: number
  readonly request: FastifyRequest
  readonly reply: FastifyReply
  /** From the dispatch to the reply, in nanoseconds. */
  readonly durationNs: bigint
}

export interface LateMessage {
  readonly error: unknown
  readonly phase: LatePhase
  readonly request: FastifyRequest
}

/** Published when an exception handler throws, next to what is published for the reply. */
export interface HandlerFailedMessage {
  readonly error: Error
  /** What the handler threw. */
  readonly secondary: unknown
  readonly key: ExceptionKey
  readonly request: FastifyRequest
}

/** Never with a payload: it names users. */
export interface SessionRejectedMessage {
  readonly type: string
  readonly status: number
  readonly request: FastifyRequest
}

type ChannelName = 'handled' | 'unhandled' | 'late' | 'handlerFailed' | 'sessionRejected'

/**
 * The channels of `node:diagnostics_channel` that errors are published on. Messages are only made
 * where somebody listens.
 */
export const channels: Readonly<Record<ChannelName, Channel>> = {
  handled: channel('fastify-supersession:exception:handled'),
  unhandled: channel('fastify-supersession:exception:unhandled'),
  late: channel('fastify-supersession:exception:late'),
  handlerFailed: channel('fastify-supersession:exception:handler-failed'),
  sessionRejected: channel('fastify-supersession:session:rejected')
}
