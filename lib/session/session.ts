import type { FastifyReply } from 'fastify'
import { InvalidClaimsError, UnauthorisedError } from '../errors/session-errors.ts'
import { webSocketErrorHandler } from '../errors/websocket/socket-errors.ts'
import type { TokenTransport } from '../transport/types.ts'
import type { Authority } from './authority.ts'
import { claimSubject } from './claims/subject.ts'
import { validateClaims } from './claims/validate-claims.ts'
import type { SessionSockets } from './session-sockets.ts'
import type {
  AccessToken,
  AccessTokenPayload,
  Claim,
  ClaimValidator,
  ClosableSocket,
  DeviceSession,
  IssuedTokens,
  JsonObject,
  Session,
  Sessions,
  TokenChange,
  TransferMethod
} from './types.ts'

/** As the errors plugin closes a socket whose session is refused, where there is a request. */
const UNAUTHORISED_CLOSE_CODE = 4401
const MIN_CHECK_SECONDS = 0.001
const MAX_CHECK_SECONDS = 86_400

/** What sessions of one registration share. */
export interface SessionContext {
  readonly authority: Authority
  readonly transport: TokenTransport
  readonly globalClaimValidators: readonly ClaimValidator[]
  readonly clock: () => number
  readonly sockets: SessionSockets
  /** `app.sessions`, the app's overrides included. */
  readonly sessions: Sessions
}

/** A session as a request has it. Made for each verified request, hence small. */
export class VerifiedSession implements Session {
  readonly userId: string
  readonly recipeUserId: string
  readonly handle: string
  readonly tenantId: string
  payload: AccessTokenPayload
  expiresAt: number
  createdAt: number
  accessToken: string
  readonly #context: SessionContext
  readonly #method: TransferMethod
  readonly #reply: FastifyReply | null

  /** @param reply - Takes changes of the tokens; `null` where the app moves them by itself. */
  constructor(
    context: SessionContext,
    token: AccessToken,
    method: TransferMethod,
    reply: FastifyReply | null
  ) {
    const { payload } = token
    this.userId = payload.sub
    this.recipeUserId = payload.rsub
    this.handle = payload.sessionHandle
    this.tenantId = payload.tId
    this.payload = payload
    this.expiresAt = payload.exp * 1000
    this.createdAt = payload.iat * 1000
    this.accessToken = token.text
    this.#context = context
    this.#method = method
    this.#reply = reply
  }

  async getData(): Promise<JsonObject> {
    const information = await this.#context.sessions.info(this.handle)
    if (information === null) throw new UnauthorisedError()
    return information.sessionData
  }

  async updateData(data: JsonObject): Promise<void> {
    refuseGone(await this.#context.sessions.updateData(this.handle, data))
  }

  async mergePayload(update: JsonObject): Promise<void> {
    const { authority, sessions } = this.#context
    refuseGone(await sessions.mergePayload(this.handle, update))
    const token = await authority.regenerate({ text: this.accessToken, payload: this.payload })
    // Expired while the request ran: the refresh that follows brings the new claims.
    if (token !== null) this.issue({ accessToken: token })
  }

  async assertClaims(validators: readonly ClaimValidator[]): Promise<void> {
    const nowMs = this.#context.clock()
    const { failures, update } = await validateClaims(
      validators,
      claimSubject(this.payload),
      this.payload,
      nowMs
    )
    if (update !== null) await this.mergePayload(update)
    if (failures.length > 0) throw new InvalidClaimsError(failures)
  }

  getClaim<T>(claim: Claim<T>): T | undefined {
    return claim.valueIn(this.payload)
  }

  async setClaim<T>(claim: Claim<T>, value: T): Promise<void> {
    await this.mergePayload(claim.toPayload(value, this.#context.clock()))
  }

  async fetchClaim(claim: Claim<unknown>): Promise<void> {
    const value = await claim.fetchValue(claimSubject(this.payload), this.payload)
    if (value !== undefined) await this.setClaim(claim, value)
  }

  async removeClaim(claim: Claim<unknown>): Promise<void> {
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

  attachSocket(
    socket: ClosableSocket,
    { everySeconds = 10 }: { readonly everySeconds?: number } = {}
  ): void {
    // A timer takes NaN, and what is longer than 24 days, for a millisecond.
    if (!(everySeconds >= MIN_CHECK_SECONDS && everySeconds <= MAX_CHECK_SECONDS))
      throw new RangeError(`everySeconds must be from ${MIN_CHECK_SECONDS} to ${MAX_CHECK_SECONDS}`)
    const { sessions, sockets } = this.#context
    const request = this.#reply?.request
    sockets.hold({
      handle: this.handle,
      socket,
      checkEveryMs: everySeconds * 1000,
      isSessionAlive: async () => (await sessions.info(this.handle)) !== null,
      end: () => {
        const error = new UnauthorisedError()
        if (request === undefined) socket.close(UNAUTHORISED_CLOSE_CODE, error.type)
        else webSocketErrorHandler(error, socket, request)
      },
      onFailure: (err) => request?.log.error({ err }, 'the session of a socket was not checked')
    })
  }

  async revoke(): Promise<void> {
    await this.#context.sessions.revoke(this.handle)
    this.#write({ clear: this.#method })
  }

  /** Takes over new tokens and hands them to the client. */
  issue(tokens: IssuedTokens): void {
    const { text, payload } = tokens.accessToken
    this.payload = payload
    this.expiresAt = payload.exp * 1000
    this.createdAt = payload.iat * 1000
    this.accessToken = text
    this.#write({ issue: tokens, method: this.#method })
  }

  #write(change: TokenChange): void {
    const reply = this.#reply
    if (reply !== null) this.#context.transport.write(reply.request, reply, change)
  }
}

function refuseGone(isAlive: boolean): void {
  if (!isAlive) throw new UnauthorisedError()
}
