/// <reference path="../../types/fastify-session.d.ts" preserve="true" />
export type * from '../session/types.ts'
export type { VerifierAppInfo, VerifierOptions } from './options.ts'
export { default } from './plugin.ts'
export { IssuerUnavailableError } from './remote-keys.ts'
