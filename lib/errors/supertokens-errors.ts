import {
  ClearDuplicateSessionCookiesError,
  InvalidClaimsError,
  SessionError,
  TokenTheftDetectedError,
  TryRefreshTokenError,
  UnauthorisedError
} from './session-errors.ts'

/** A session error of another copy of this package, or any error of the supertokens-node SDK. */
interface ForeignSessionError extends Error {
  readonly type: string
  readonly payload?: unknown
  readonly fromRecipe?: unknown
  readonly errMagic?: unknown
  readonly code?: unknown
}

/** An error of the SDK that has no class of its own here: bad input, a plugin's, an unknown one. */
export class SupertokensError extends SessionError<string, unknown> {
  constructor(type: string, message: string, { cause }: { cause: unknown }) {
    super(type, message, { payload: undefined, clearTokens: false, cause })
  }
}

/**
 * Gives back a session error as one of our classes, whoever threw it.
 *
 * Only instances of `Error` are considered: what an app throws by accident, a request's body for
 * example, must not be able to pass for one.
 */
export function recogniseSessionError(error: Error): SessionError | undefined {
  if (error instanceof SessionError) return error
  if (!isForeignSessionError(error)) return undefined
  const convert = conversions[error.type] ?? unknownType
  return convert(error)
}

function isForeignSessionError(error: Error): error is ForeignSessionError {
  if (!('type' in error) || typeof error.type !== 'string') return false
  return (
    ('fromRecipe' in error && error.fromRecipe === 'session') ||
    ('errMagic' in error && typeof error.errMagic === 'string')
  )
}

/** Whether an error comes from the SDK, and is not a session error of a copy of this package. */
export function isSDKError(error: unknown): error is Error {
  return error instanceof Error && 'errMagic' in error && typeof error.errMagic === 'string'
}

type Conversion = (error: ForeignSessionError) => SessionError

const conversions: Readonly<Record<string, Conversion>> = {
  UNAUTHORISED: (error) => {
    const { clearTokens } = Object(error.payload) as { clearTokens?: unknown }
    return new UnauthorisedError(error.message, {
      clearTokens: clearTokens !== false,
      cause: error
    })
  },
  TRY_REFRESH_TOKEN: (error) => new TryRefreshTokenError(error.message, { cause: error }),
  TOKEN_THEFT_DETECTED: (error) => {
    const { sessionHandle, userId, recipeUserId } = Object(error.payload)
    const payload = {
      sessionHandle: String(sessionHandle),
      userId: String(userId),
      recipeUserId: recipeUserIdText(recipeUserId, userId)
    }
    return new TokenTheftDetectedError(payload, error.message, { cause: error })
  },
  INVALID_CLAIMS: (error) => {
    const claims = Array.isArray(error.payload) ? error.payload : []
    return new InvalidClaimsError(claims, error.message, { cause: error })
  },
  CLEAR_DUPLICATE_SESSION_COOKIES: (error) =>
    new ClearDuplicateSessionCookiesError(error.message, { cause: error })
}

function unknownType(error: ForeignSessionError): SessionError {
  return new SupertokensError(error.type, error.message, { cause: error })
}

/** The SDK wraps the id of a login method in an object. */
function recipeUserIdText(value: unknown, userId: unknown): string {
  const { getAsString } = Object(value) as { getAsString?: () => unknown }
  if (typeof getAsString === 'function') return String(getAsString.call(value))
  return String(value ?? userId)
}
