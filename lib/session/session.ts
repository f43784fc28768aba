import type { FastifyReply } from 'fastify'
import type {
  AccessToken,
  AccessTokenPayload,
  ClaimValidator,
  IssuedTokens,
  JsonObject,
  Session,
  TokenChange,
  TransferMethod
} from '../../types/session.d.ts'
import type { TokenTransport } from '../../types/transport.d.ts'
import { InvalidClaimsError, UnauthorisedError } from '../errors/session-errors.ts'
import type { Authority } from './authority.ts'
import { validateClaims } from './claims/validate-claims.ts'
import { mergeClaims } from './payload.ts'

/** What sessions of one registration share. */
export interface SessionParts {
  readonly authority: Authority
  readonly transport: TokenTransport
}

/** A session as a request has it. Created for each verified request, hence small. */
export class VerifiedSession implements Session {
  readonly userId: string
  readonly recipeUserId: string
  readonly handle: string
  readonly tenantId: string
  payload: AccessTokenPayload
  expiresAt: number
  createdAt: number
  accessToken: string
  readonly #parts: SessionParts
  readonly #method: TransferMethod
  readonly #reply: FastifyReply | null

  /** @param reply - Takes changes of the tokens; `null` where the app moves them by itself. */
  constructor(
    parts: SessionParts,
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
    this.#parts = parts
    this.#method = method
    this.#reply = reply
  }

  async getData(): Promise<JsonObject> {
    const information = await this.#parts.authority.info(this.handle)
    if (information === null) throw new UnauthorisedError()
    return information.sessionData
  }

  async updateData(data: JsonObject): Promise<void> {
    if (!(await this.#parts.authority.updateData(this.handle, data))) throw new UnauthorisedError()
  }

  async mergePayload(update: JsonObject): Promise<void> {
    const { authority } = this.#parts
    const isAlive = await authority.updatePayload(this.handle, (claims) =>
      mergeClaims(claims, update)
    )
    if (!isAlive) throw new UnauthorisedError()
    const token = await authority.regenerate({ text: this.accessToken, payload: this.payload })
    // Expired while the request ran: the refresh that follows brings the new claims.
    if (token !== null) this.issue({ accessToken: token })
  }

  async assertClaims(validators: readonly ClaimValidator[]): Promise<void> {
    const failures = await validateClaims(validators, this.payload)
    if (failures.length > 0) throw new InvalidClaimsError(failures)
  }

  async revoke(): Promise<void> {
    await this.#parts.authority.revoke([this.handle])
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
    if (reply !== null) this.#parts.transport.write(reply.request, reply, change)
  }
}
