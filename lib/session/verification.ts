import type { FastifyReply, FastifyRequest } from 'fastify'
import {
  InvalidClaimsError,
  TryRefreshTokenError,
  UnauthorisedError
} from '../errors/session-errors.ts'
import { isEqualSecret } from '../keys/secrets.ts'
import type { Awaitable } from '../stores/store.ts'
import type { AccessTokens, ReceivedAccessToken } from '../tokens/access-token.ts'
import type { ConfirmResult } from './authority.ts'
import { isPromise } from './awaitable.ts'
import { claimSubject } from './claims/subject.ts'
import { type ClaimsResult, validateClaims } from './claims/validate-claims.ts'
import { type SessionContext, VerifiedSession } from './session.ts'
import type { AccessToken, ClaimValidator, TransferMethod, VerifySessionOptions } from './types.ts'

/** How the client of a token is to be checked and served. */
interface Presentation {
  readonly method: TransferMethod
  /** The `anti-csrf` value that came along; `null` where it does not matter. */
  readonly antiCsrfToken: string | undefined | null
  readonly reply: FastifyReply | null
  readonly options: VerifySessionOptions
}

/**
 * Finds the session of a request: which token counts, whether it is good, whether the store has to
 * be asked, whether the claims fit. In this order, each step once.
 *
 * Answers at once where nothing has to wait: a known, confirmed token costs no promise.
 */
export class Verification {
  readonly #context: SessionContext
  readonly #accessTokens: AccessTokens

  constructor(context: SessionContext, accessTokens: AccessTokens) {
    this.#context = context
    this.#accessTokens = accessTokens
  }

  /** @throws A {@link SessionError}, at once or as a rejection. */
  ofRequest(
    request: FastifyRequest,
    reply: FastifyReply,
    options: VerifySessionOptions
  ): Awaitable<VerifiedSession | null> {
    const { transport } = this.#context
    const cookies = transport.readCookies(request)
    if (cookies.hasIdRefreshToken) throw new TryRefreshTokenError()
    const accepted = transport.acceptedMethod(request)
    if (accepted !== 'cookie') {
      const token = this.#receive(transport.readBearerToken(request))
      if (token !== null)
        return this.#verify(token, { method: 'header', antiCsrfToken: null, reply, options })
    }
    if (accepted === 'header') return this.#none(options)
    // Nobody can tell which of two cookies is the session's; the refresh clears the older.
    if (cookies.accessTokenCount > 1) throw new TryRefreshTokenError()
    const token = this.#receive(cookies.accessToken)
    if (token === null) return this.#none(options)
    const antiCsrfToken = this.#antiCsrfTokenOf(request, options)
    return this.#verify(token, { method: 'cookie', antiCsrfToken, reply, options })
  }

  /** @param antiCsrfToken - `null` where it does not matter. */
  ofToken(
    text: string,
    antiCsrfToken: string | undefined | null,
    options: VerifySessionOptions
  ): Awaitable<VerifiedSession | null> {
    const token = this.#receive(text)
    if (token === null) return this.#none(options)
    return this.#verify(token, { method: 'header', antiCsrfToken, reply: null, options })
  }

  #receive(text: string | undefined): ReceivedAccessToken | null {
    return text === undefined ? null : this.#accessTokens.receive(text)
  }

  #none({ sessionRequired = true }: VerifySessionOptions): null {
    // A refresh may be setting cookies at this very moment: they are not cleared.
    if (sessionRequired) throw new UnauthorisedError('unauthorised', { clearTokens: false })
    return null
  }

  /** For cookies alone: only they are sent by requests that the page did not make. */
  #antiCsrfTokenOf(
    request: FastifyRequest,
    options: VerifySessionOptions
  ): string | undefined | null {
    // RFC 9110 section 9.2.1: GET and HEAD are safe.
    const isChecked =
      options.antiCsrfCheck ?? (request.method !== 'GET' && request.method !== 'HEAD')
    if (!isChecked) return null
    const { transport } = this.#context
    const mode = transport.antiCsrfMode(request)
    if (mode === 'VIA_CUSTOM_HEADER' && !transport.hasCustomHeader(request))
      throw new TryRefreshTokenError()
    return mode === 'VIA_TOKEN' ? transport.readAntiCsrfToken(request) : null
  }

  #verify(
    received: ReceivedAccessToken,
    presentation: Presentation
  ): Awaitable<VerifiedSession | null> {
    const token = this.#accessTokens.verify(received, this.#context.clock())
    return isPromise(token)
      ? token.then((found) => this.#checkToken(found, presentation))
      : this.#checkToken(token, presentation)
  }

  #checkToken(token: AccessToken | null, presentation: Presentation): Awaitable<VerifiedSession> {
    if (token === null) throw new TryRefreshTokenError()
    const { antiCsrfToken, method, reply, options } = presentation
    if (antiCsrfToken !== null && !isExpected(antiCsrfToken, token))
      throw new TryRefreshTokenError()
    const session = new VerifiedSession(this.#context, token, method, reply)
    if (options.checkDatabase !== true && token.payload.parentRefreshTokenHash1 === null)
      return this.#checkClaims(session, options)
    const result = this.#context.authority.confirm(token)
    return isPromise(result)
      ? result.then((found) => this.#confirm(session, found, options))
      : this.#confirm(session, result, options)
  }

  #confirm(
    session: VerifiedSession,
    result: ConfirmResult,
    options: VerifySessionOptions
  ): Awaitable<VerifiedSession> {
    if (result.status === 'UNAUTHORISED') throw new UnauthorisedError()
    if (result.status === 'TRY_REFRESH_TOKEN') throw new TryRefreshTokenError()
    // Before the claims are checked: a 403 brings the client its new token all the same.
    if (result.reissued !== null) session.issue({ accessToken: result.reissued })
    return this.#checkClaims(session, options)
  }

  #checkClaims(
    session: VerifiedSession,
    options: VerifySessionOptions
  ): Awaitable<VerifiedSession> {
    const { globalClaimValidators } = this.#context
    const override = options.overrideGlobalClaimValidators
    if (override === undefined) return this.#checkEach(session, globalClaimValidators)
    const validators = override(globalClaimValidators, session)
    return isPromise(validators)
      ? validators.then((list) => this.#checkEach(session, list))
      : this.#checkEach(session, validators)
  }

  #checkEach(
    session: VerifiedSession,
    validators: readonly ClaimValidator[]
  ): Awaitable<VerifiedSession> {
    if (validators.length === 0) return session
    const { payload } = session
    const subject = claimSubject(payload)
    const result = validateClaims(validators, subject, payload, this.#context.clock())
    return isPromise(result)
      ? result.then((found) => admit(session, found))
      : admit(session, result)
  }
}

function isExpected(antiCsrfToken: string | undefined, { payload }: AccessToken): boolean {
  return payload.antiCsrfToken !== null && isEqualSecret(payload.antiCsrfToken, antiCsrfToken)
}

function admit(
  session: VerifiedSession,
  { failures, update }: ClaimsResult
): Awaitable<VerifiedSession> {
  // What was fetched anew is kept, whether or not it satisfies.
  if (update !== null)
    return session.mergePayload(update).then(() => admit(session, { failures, update: null }))
  if (failures.length > 0) throw new InvalidClaimsError(failures)
  return session
}
