import { hash } from 'node:crypto'
import type { FastifyRequest } from 'fastify'
import type { AcceptedProof, DpopProofs, DpopRefusal, DpopRequest } from '../device-binding/dpop.ts'
import { UnauthorisedError } from '../errors/session-errors.ts'
import type { Settings } from '../options/resolve.ts'
import type { SessionStore } from '../stores/store.ts'
import { isSafe } from './anti-csrf.ts'
import type { VerifyContext } from './context.ts'

type Context = Pick<VerifyContext, 'settings' | 'clock'>
/** What a proof has to be of, besides the request itself. */
type Wanted = Pick<DpopRequest, 'token' | 'isTokenNamed' | 'jkt'>

/** What a request has shown, for all of the hooks that verify it: a proof is good once. */
interface ShownProof {
  readonly token: string | null
  readonly proof: AcceptedProof
  /** Rejects where another process has taken the proof; `undefined` where none was asked. */
  claim: Promise<void> | undefined
}

const shownProofs = new WeakMap<FastifyRequest, ShownProof>()

/**
 * Checks the proof of a request, once for all of the hooks that verify it.
 *
 * @throws {@link UnauthorisedError} It is missing or refused.
 */
export function acceptProof(
  context: Context,
  dpop: DpopProofs,
  request: FastifyRequest,
  wanted: Wanted
): ShownProof {
  const known = shownProofs.get(request)
  if (known !== undefined && known.token === wanted.token) return known
  const { method, headers } = request
  const text = headers['dpop']
  const url = urlOf(context.settings, request)
  const proof =
    typeof text === 'string'
      ? dpop.check(text, { method, url, ...wanted }, context.clock.now())
      : 'malformed'
  if (typeof proof === 'string') throw refusedProof(context, dpop, proof)
  const shown: ShownProof = { token: wanted.token, proof, claim: undefined }
  shownProofs.set(request, shown)
  return shown
}

/** Checks a proof for a request that may do something: other processes must not take it again. */
export function useProof(
  context: Context,
  dpop: DpopProofs,
  request: FastifyRequest,
  wanted: Wanted
): Promise<void> | undefined {
  const shown = acceptProof(context, dpop, request, wanted)
  // A WebSocket is opened by a GET.
  const isRead = isSafe(request) && request.headers.upgrade === undefined
  return isRead ? undefined : claimProof(context, dpop, shown)
}

/** Tells other processes of a proof, once for a request. */
export function claimProof(
  context: Context,
  dpop: DpopProofs,
  shown: ShownProof
): Promise<void> | undefined {
  if (dpop.useOnce === undefined) return undefined
  shown.claim ??= refuseUsedElsewhere(context, dpop, dpop.useOnce, shown.proof)
  return shown.claim
}

async function refuseUsedElsewhere(
  context: Context,
  dpop: DpopProofs,
  useOnce: NonNullable<SessionStore['useOnce']>,
  { jkt, jti, endsAt }: AcceptedProof
): Promise<void> {
  // The client chose the id: any text.
  const id = hash('sha256', `${jkt} ${jti}`, 'base64url')
  if (!(await useOnce(id, endsAt))) throw refusedProof(context, dpop, 'replayed')
}

/** The URL of a request as its client knows it: the API's origin, and the path before the gateway. */
function urlOf({ appInfo }: Settings, { originalUrl }: FastifyRequest): string {
  // RFC 9112 section 3.2.2: a request may name the whole URL.
  const target = originalUrl.replace(/^https?:\/\/[^/?#]*/i, '')
  const query = target.indexOf('?')
  const path = query < 0 ? target : target.slice(0, query)
  return appInfo.apiDomain + appInfo.gatewayPath + path
}

/** RFC 9449 sections 5, 7.1 and 9. */
export function refusedProof(
  { clock }: Context,
  dpop: DpopProofs,
  refusal: DpopRefusal
): UnauthorisedError {
  const error = refusal === 'nonce' ? 'use_dpop_nonce' : 'invalid_dpop_proof'
  const nonce = dpop.newNonce(clock.now())
  return new UnauthorisedError(`the DPoP proof is refused: ${refusal}`, {
    clearTokens: false,
    reason: 'proof',
    headers: {
      'www-authenticate': `DPoP error="${error}", error_description="${refusal}", algs="ES256 RS256"`,
      ...(nonce !== null && { 'dpop-nonce': nonce })
    }
  })
}
