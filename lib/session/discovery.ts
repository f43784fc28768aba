import type { Sessions } from './types.ts'

/**
 * The discovery document (OpenID Connect Discovery 1.0 section 3).
 *
 * Names the endpoints that SuperTokens' document names, since clients may check that they are there;
 * only issuer and keys are served by this plugin.
 */
export function discoveryOf(issuer: string): ReturnType<Sessions['discovery']> {
  return {
    issuer,
    jwks_uri: `${issuer}/jwt/jwks.json`,
    authorization_endpoint: `${issuer}/oauth/auth`,
    token_endpoint: `${issuer}/oauth/token`,
    userinfo_endpoint: `${issuer}/oauth/userinfo`,
    revocation_endpoint: `${issuer}/oauth/revoke`,
    token_introspection_endpoint: `${issuer}/oauth/introspect`,
    end_session_endpoint: `${issuer}/oauth/end_session`,
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['RS256'],
    response_types_supported: ['code', 'id_token', 'id_token token']
  }
}
