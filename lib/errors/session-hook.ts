import type { FastifyInstance } from 'fastify'
import { instanceOf } from './scope.ts'

const mark = Symbol.for('fastify-supersession.session-hook')

/** What a hook that verifies sessions means for a route's documentation. */
export interface SessionRequirement {
  /** Whether validators of claims may refuse the session. */
  readonly checksClaims: boolean
  /** Whether requests without a session pass. */
  readonly isOptional: boolean
}

/** The hooks that run before a route's handler (Fastify's docs, lifecycle). */
const BEFORE_HANDLER: readonly string[] = ['onRequest', 'preParsing', 'preValidation', 'preHandler']

/** By the scope that added such hooks to all of its routes. */
const ofScopes = new WeakMap<object, SessionRequirement[]>()

/** Marks a hook, so that the routes it stands before are documented as asking for a session. */
export function markSessionHook<H extends object>(hook: H, requirement: SessionRequirement): H {
  return Object.defineProperty(hook, mark, { value: requirement })
}

/**
 * Notes which scopes add marked hooks. Fastify does not tell a route's documentation of hooks that
 * its scope has, so `addHook` is listened to. Refuses marked hooks that would keep no handler from
 * running: Fastify ignores a misspelt name.
 */
export function noteSessionHooks(app: FastifyInstance): void {
  const addHook = app.addHook as (...args: unknown[]) => FastifyInstance
  app.addHook = function (this: FastifyInstance, ...args: unknown[]) {
    const requirement = requirementOf(args[1])
    if (requirement !== undefined) {
      checkPlace(args[0], 'addHook')
      ofScopes.set(this, [...(ofScopes.get(this) ?? []), requirement])
    }
    return addHook.apply(this, args)
  } as FastifyInstance['addHook']
  app.addHook('onRoute', (route) => {
    for (const [name, value] of Object.entries(route))
      if ([value].flat().some((hook) => requirementOf(hook) !== undefined))
        checkPlace(name, `the route ${route.url}`)
  })
}

/** @throws TypeError A hook of this name does not run before the handler. */
function checkPlace(name: unknown, where: string): void {
  if (BEFORE_HANDLER.includes(String(name))) return
  throw new TypeError(
    `A session that is verified in '${String(name)}' of ${where} keeps no handler from running. Verify it in ${BEFORE_HANDLER.join(', ')}, as in preHandler: app.verifySession()`
  )
}

/** What all hooks of a route ask for, its own and those of its scopes; `undefined` for nothing. */
export function sessionRequirementOf(route: object): SessionRequirement | undefined {
  const hooks = BEFORE_HANDLER.map((name) => (route as Record<string, unknown>)[name])
  const own = hooks.flat().map(requirementOf)
  const found = [...own, ...requirementsOfScopes(instanceOf(route))].filter(
    (requirement) => requirement !== undefined
  )
  if (found.length === 0) return undefined
  return {
    checksClaims: found.some(({ checksClaims }) => checksClaims),
    isOptional: found.every(({ isOptional }) => isOptional)
  }
}

/** A scope's prototype is the scope around it. */
function requirementsOfScopes(scope: object | undefined | null): readonly SessionRequirement[] {
  if (scope === undefined || scope === null) return []
  return [...(ofScopes.get(scope) ?? []), ...requirementsOfScopes(Object.getPrototypeOf(scope))]
}

function requirementOf(hook: unknown): SessionRequirement | undefined {
  return (Object(hook) as { [mark]?: SessionRequirement })[mark]
}
