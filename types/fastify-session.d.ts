import type {
  Session,
  VerifySessionHook,
  VerifySessionOptions
} from 'fastify-supersession/verifier'
import './fastify-errors.d.ts'

declare module 'fastify' {
  /** The app's custom claims, those of `request.session.payload`; empty, for apps to augment. */
  interface SessionClaims {}
  /** The data that the app keeps with a session; empty, for apps to augment. */
  interface SessionData {}

  interface FastifyInstance {
    /**
     * A hook that lets requests with a session through, and sets `request.session`.
     *
     * Does not look at what no route matched: a not-found handler that needs a session verifies by
     * hand.
     *
     * @throws {@link OptionsError} An option is unknown or of the wrong type.
     */
    verifySession(options?: VerifySessionOptions): VerifySessionHook
  }

  interface FastifyRequest {
    /**
     * The verified session, on routes that verify one; `null` before that and elsewhere. In a service
     * that only verifies, functions that need the session store throw a TypeError.
     */
    session: Session
    /**
     * Verifies the session of this request by hand, and sets `request.session`.
     *
     * @returns The session, or `null` where there is none and `sessionRequired` is `false`.
     * @throws {@link SessionError} As the hook of `app.verifySession()` passes on.
     * @throws {@link OptionsError} An option is unknown or of the wrong type.
     */
    verifySession(
      options: VerifySessionOptions & { readonly sessionRequired: false }
    ): Promise<Session | null>
    verifySession(options?: VerifySessionOptions): Promise<Session>
  }
}
