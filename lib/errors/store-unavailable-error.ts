import { HTTPException } from './http-exception.ts'

/** The store did not answer. Says nothing about the session, which is why no token is touched. */
export class StoreUnavailableError extends HTTPException<503, string> {
  /**
   * @param options.retryAfterSeconds - What the client is told to wait. @defaultValue 1
   */
  constructor({
    cause,
    retryAfterSeconds = 1
  }: { cause?: unknown; retryAfterSeconds?: number } = {}) {
    super(503, 'Service Unavailable', {
      cause,
      code: 'SUPERSESSION_STORE_UNAVAILABLE',
      headers: { 'retry-after': retryAfterSeconds }
    })
  }
}
