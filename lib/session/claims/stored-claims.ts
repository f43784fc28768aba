import type { Awaitable } from '../../stores/store.ts'
import type { SessionContext } from '../session.ts'
import type {
  Claim,
  ClaimResult,
  ClaimSubject,
  ClaimsValidationResult,
  ClaimValidator,
  JsonObject,
  SessionInformation
} from '../types.ts'
import { validateClaims } from './validate-claims.ts'

const GONE = { status: 'SESSION_DOES_NOT_EXIST_ERROR' } as const

/** Claims of sessions by handle: as the store has them, whatever access tokens are out. */
export class StoredClaims {
  readonly #context: SessionContext

  constructor(context: SessionContext) {
    this.#context = context
  }

  async fetch(handle: string, claim: Claim<unknown>): Promise<boolean> {
    const information = await this.#context.sessions.info(handle)
    if (information === null) return false
    const value = await claim.fetchValue(subjectOf(information), information.accessTokenPayload)
    return value === undefined || this.set(handle, claim, value)
  }

  set<T>(handle: string, claim: Claim<T>, value: T): Promise<boolean> {
    return this.#merge(handle, claim.toPayload(value, this.#context.clock()))
  }

  async get<T>(handle: string, claim: Claim<T>): Promise<ClaimResult<T>> {
    const information = await this.#context.sessions.info(handle)
    if (information === null) return GONE
    return { status: 'OK', value: claim.valueIn(information.accessTokenPayload) }
  }

  remove(handle: string, claim: Claim<unknown>): Promise<boolean> {
    return this.#merge(handle, { [claim.key]: null })
  }

  async validate(
    handle: string,
    override?: (
      globalValidators: readonly ClaimValidator[],
      information: SessionInformation
    ) => Awaitable<readonly ClaimValidator[]>
  ): Promise<ClaimsValidationResult> {
    const { sessions, globalClaimValidators, clock } = this.#context
    const information = await sessions.info(handle)
    if (information === null) return GONE
    const validators = override
      ? await override(globalClaimValidators, information)
      : globalClaimValidators
    const { failures, update } = await validateClaims(
      validators,
      subjectOf(information),
      information.accessTokenPayload,
      clock()
    )
    if (update !== null && !(await this.#merge(handle, update))) return GONE
    return { status: 'OK', invalidClaims: failures }
  }

  #merge(handle: string, update: JsonObject): Promise<boolean> {
    return this.#context.sessions.mergePayload(handle, update)
  }
}

function subjectOf({ userId, tenantId }: SessionInformation): ClaimSubject {
  return { userId, recipeUserId: userId, tenantId }
}
