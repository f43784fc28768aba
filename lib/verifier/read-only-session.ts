import { InvalidClaimsError } from '../errors/session-errors.ts'
import { checkValidators, claimSubject, validateClaims } from '../session/claims/validate-claims.ts'
import type { Clock } from '../session/clock.ts'
import { TokenSession } from '../session/session.ts'
import type { AccessToken, ClaimValidator, Session } from '../session/types.ts'

/**
 * The session of an access token that another service issued: what the token says can be read. What
 * needs the store of the issuer throws a TypeError that says so.
 */
export class ReadOnlySession extends TokenSession implements Session {
  readonly #clock: Clock

  constructor(token: AccessToken, clock: Clock) {
    super(token)
    this.#clock = clock
  }

  /** What is fetched anew counts here and is not kept: the token stays as it is. */
  async assertClaims(validators: readonly ClaimValidator[]): Promise<void> {
    checkValidators(validators, 'session.assertClaims.validators')
    const { payload } = this
    const nowMs = this.#clock.now()
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

  attachSocket(): never {
    throw needsIssuer('attachSocket')
  }
}

function needsIssuer(name: keyof Session): TypeError {
  return new TypeError(
    `session.${name}() needs the session store, which only the service that issues tokens has: this one verifies them. Call that service instead.`
  )
}
