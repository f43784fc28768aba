import 'fastify'

declare module 'fastify' {
  interface SessionClaims {
    readonly plan?: 'free' | 'pro'
  }
  interface SessionData {
    readonly cart: readonly string[]
  }
}
