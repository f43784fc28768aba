import type { FastifyRequest } from 'fastify'
import { InvalidClaimsError, UnauthorisedError } from '../errors/session-errors.ts'
import { encodeFrontToken } from '../transport/token-headers.ts'
import {
  checkClaim,
  checkValidators,
  claimSubject,
  validateClaims
} from './claims/validate-claims.ts'
import type { SessionContext } from './context.ts'
import { remintAccessToken } from './issue-tokens.ts'
import type {
  AccessToken,
  AccessTokenPayload,
  Claim,
  ClaimValidator,
  ClosableSocket,
  DeviceSession,
  JsonObject,
  Session,
  SessionInformation,
  SessionTokens,
  TransferMethod
} from './types.ts'

/** What an access token says of its session. Made for each verified request, hence small. */
export class TokenSession {
  // `declare`, so that they are not set to undefined first: that is a tenth of a check.
  declare readonly userId: string
  declare readonly recipeUserId: string
  declare readonly handle: string
  declare readonly tenantId: string
  declare payload: AccessTokenPayload
  declare expiresAt: number
  declare createdAt: number
  declare accessToken: string

  constructor({ text, payload }: AccessToken) {
    this.userId = payload.sub
    this.recipeUserId = payload.rsub
    this.handle = payload.sessionHandle
    this.tenantId = payload.tId
    this.payload = payload
    this.expiresAt = payload.exp * 1000
    this.createdAt = payload.iat * 1000
    this.accessToken = text
  }

  getClaim<T>(claim: Claim<T>): T | undefined {
    checkClaim(claim, 'session.getClaim.claim')
    return claim.valueIn(this.payload)
  }
}

/** A session as a request has it, where the store is ours. */
export class VerifiedSession extends TokenSession implements Session {
  readonly #context: SessionContext
  readonly #method: TransferMethod
  readonly #request: FastifyRequest | null

  /** @param request - Its reply takes changes of the tokens; `null` where the app moves them. */
  constructor(
    context: SessionContext,
    token: AccessToken,
    method: TransferMethod,
    request: FastifyRequest | null
  ) {
    super(token)
    this.#context = context
    this.#method = method
    this.#request = request
  }

  async info(): Promise<SessionInformation> {
    const information = await this.#context.sessions.info(this.handle)
    if (information === null) throw new UnauthorisedError()
    return information
  }

  async getData(): Promise<JsonObject> {
    return (await this.info()).sessionData
  }

  async updateData(data: JsonObject): Promise<void> {
    refuseGone(await this.#context.sessions.updateData(this.handle, data))
  }

  async mergePayload(update: JsonObject): Promise<void> {
    const { clock, records, sessions } = this.#context
    refuseGone(await sessions.mergePayload(this.handle, update))
    const nowMs = clock.now()
    // Expired while the request ran: the refresh that follows brings the new claims.
    if (this.expiresAt <= nowMs) return
    const record = await records.find(this.handle, nowMs)
    if (record !== null)
      this.renew(await remintAccessToken(this.#context, record, this.payload, nowMs))
  }

  async assertClaims(validators: readonly ClaimValidator[]): Promise<void> {
    checkValidators(validators, 'session.assertClaims.validators')
    const nowMs = this.#context.clock.now()
    const { failures, update } = await validateClaims(
      validators,
      claimSubject(this.payload),
      this.payload,
      nowMs
    )
    if (update !== null) await this.mergePayload(update)
    if (failures.length > 0) throw new InvalidClaimsError(failures)
  }

  async setClaim<T>(claim: Claim<T>, value: T): Promise<void> {
    checkClaim(claim, 'session.setClaim.claim')
    await this.mergePayload(claim.toPayload(value, this.#context.clock.now()))
  }

  async fetchClaim(claim: Claim<unknown>): Promise<void> {
    checkClaim(claim, 'session.fetchClaim.claim')
    const value = await claim.fetchValue(claimSubject(this.payload), this.payload)
    if (value !== undefined) await this.setClaim(claim, value)
  }

  async removeClaim(claim: Claim<unknown>): Promise<void> {
    checkClaim(claim, 'session.removeClaim.claim')
    await this.mergePayload({ [claim.key]: null })
  }

  async devices(): Promise<DeviceSession[]> {
    const devices = await this.#context.sessions.devices(this.userId)
    return devices.map((device) => ({ ...device, isCurrent: device.handle === this.handle }))
  }

  async revokeOthers(): Promise<string[]> {
    const { sessions } = this.#context
    const handles = await sessions.list(this.userId)
    return sessions.revokeMany(handles.filter((handle) => handle !== this.handle))
  }

  attachSocket(socket: ClosableSocket, options?: { readonly everySeconds?: number }): void {
    const { sessions, sockets } = this.#context
    const { handle, userId } = this
    const isAlive = async () => (await sessions.info(handle)) !== null
    sockets.attach(socket, { handle, userId, request: this.#request, isAlive }, options)
  }

  async revoke(): Promise<void> {
    await this.#context.sessions.revoke(this.handle)
    const request = this.#request
    if (request !== null) this.#context.tokenReply.clear(request, this.#method, this.handle)
  }

  /** Takes over a new access token and stages it for the reply. */
  renew(token: AccessToken): void {
    const { text, payload } = token
    this.payload = payload
    this.expiresAt = payload.exp * 1000
    this.createdAt = payload.iat * 1000
    this.accessToken = text
    const request = this.#request
    if (request !== null) this.#context.tokenReply.renew(request, token, this.#method)
  }
}

/** New tokens, and their session, for an app that moves them by itself. */
export function sessionTokens(
  context: SessionContext,
  accessToken: AccessToken,
  refreshToken: string
): SessionTokens {
  const session = new VerifiedSession(context, accessToken, 'header', null)
  return { ...describeTokens(session), refreshToken }
}

/** The tokens of a session as it stands. */
export function describeTokens(session: Session): SessionTokens {
  return {
    session,
    accessToken: session.accessToken,
    frontToken: encodeFrontToken(session.payload),
    antiCsrfToken: session.payload.antiCsrfToken
  }
}

function refuseGone(isAlive: boolean): void {
  if (!isAlive) throw new UnauthorisedError()
}
