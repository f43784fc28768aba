import type { FastifyRequest } from 'fastify'
import { InvalidClaimsError } from '../errors/session-errors.ts'
import { checkValidators, claimSubject, validateClaims } from '../session/claims/validate-claims.ts'
import type { Clock } from '../session/clock.ts'
import { TokenSession } from '../session/session.ts'
import type { SessionSockets } from '../session/sockets.ts'
import type { AccessToken, ClaimValidator, ClosableSocket, Session } from '../session/types.ts'
import type { SessionStore } from '../stores/store.ts'

/** What the sessions of one registration share. */
export interface ReadOnlyContext {
  readonly clock: Clock
  readonly sockets: SessionSockets
  /** `null`: only the issuer has it. */
  readonly store: SessionStore | null
}

/**
 * The session of an access token that another service issued: what the token says can be read. What
 * needs the issuer throws a TypeError that says so.
 */
export class ReadOnlySession extends TokenSession implements Session {
  readonly #context: ReadOnlyContext
  readonly #request: FastifyRequest | null

  constructor(context: ReadOnlyContext, token: AccessToken, request: FastifyRequest | null) {
    super(token)
    this.#context = context
    this.#request = request
  }

  /** What is fetched anew counts here and is not kept: the token stays as it is. */
  async assertClaims(validators: readonly ClaimValidator[]): Promise<void> {
    checkValidators(validators, 'session.assertClaims.validators')
    const { payload } = this
    const nowMs = this.#context.clock.now()
    const { failures } = await validateClaims(validators, claimSubject(payload), payload, nowMs)
    if (failures.length > 0) throw new InvalidClaimsError(failures)
  }

  async info(): Promise<never> {
    throw needsIssuer('info')
  }

  async getData(): Promise<never> {
    throw needsIssuer('getData')
  }

  async updateData(): Promise<never> {
    throw needsIssuer('updateData')
  }

  async mergePayload(): Promise<never> {
    throw needsIssuer('mergePayload')
  }

  async setClaim(): Promise<never> {
    throw needsIssuer('setClaim')
  }

  async fetchClaim(): Promise<never> {
    throw needsIssuer('fetchClaim')
  }

  async removeClaim(): Promise<never> {
    throw needsIssuer('removeClaim')
  }

  async devices(): Promise<never> {
    throw needsIssuer('devices')
  }

  async revokeOthers(): Promise<never> {
    throw needsIssuer('revokeOthers')
  }

  async revoke(): Promise<never> {
    throw needsIssuer('revoke')
  }

  attachSocket(socket: ClosableSocket, options?: { readonly everySeconds?: number }): void {
    const { clock, sockets, store } = this.#context
    if (store === null) throw new TypeError('session.attachSocket() needs the option store')
    const { handle, userId } = this
    const isAlive = async () => {
      const record = await store.get(handle)
      return record !== null && record.expiresAt > clock.now()
    }
    sockets.attach(socket, { handle, userId, request: this.#request, isAlive }, options)
  }
}

function needsIssuer(name: keyof Session): TypeError {
  return new TypeError(
    `session.${name}() works only in the service that issues tokens: this one verifies them`
  )
}
