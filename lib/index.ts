export {
  ClearDuplicateSessionCookiesError,
  InvalidClaimsError,
  SessionError,
  TokenTheftDetectedError,
  TryRefreshTokenError,
  UnauthorisedError
} from './errors/session-errors.ts'
