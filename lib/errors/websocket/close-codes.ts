import type { Failure } from '../failure.ts'
import { reasonPhrase } from '../reason-phrase.ts'
import type { ErrorSettings } from '../settings.ts'
import { cutReason, WebSocketException } from './websocket-exception.ts'

/** How a socket is ended: code and reason of the close frame. */
export interface Closing {
  readonly code: number
  readonly reason: string
}

/** RFC 6455 7.4.1: the message violates a policy; the server met something unexpected. */
const [policyViolation, internalError] = [1008, 1011]

/** The close frame for an error that no handler of the app answers. */
export function closingFor(failure: Failure, { websocket }: ErrorSettings): Closing {
  const { error, kind, status, detail, sessionType } = failure
  if (error instanceof WebSocketException) return { code: error.code, reason: error.reason }
  if (sessionType !== undefined) {
    const code = websocket.closeCodes[sessionType as keyof typeof websocket.closeCodes]
    return { code: code ?? internalError, reason: sessionType }
  }
  if (kind === 'server') return { code: internalError, reason: '' }
  const reason = detail === undefined ? reasonPhrase(status) : detail
  return {
    code: status >= 500 ? internalError : policyViolation,
    reason: typeof reason === 'string' ? cutReason(reason) : ''
  }
}
