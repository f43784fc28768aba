import type { FastifyInstance } from 'fastify'

const mark = Symbol.for('fastify-supersession.session-hook')

/** What a hook that verifies sessions means for a route's documentation. */
export interface SessionRequirement {
  /** Whether validators of claims may refuse the session. */
  readonly checksClaims: boolean
  /** Whether requests without a session pass. */
  readonly isOptional: boolean
}

/** By the scope that added such hooks to all of its routes. */
const ofScopes = new WeakMap<object, SessionRequirement[]>()
const scopeOf = new WeakMap<object, object>()

/** Marks a hook, so that the routes it stands before are documented as asking for a session. */
export function markSessionHook<H extends object>(hook: H, requirement: SessionRequirement): H {
  return Object.defineProperty(hook, mark, { value: requirement })
}

/**
 * Notes which scopes add marked hooks. Fastify does not tell a route's documentation of hooks that
 * its scope has, so `addHook` is listened to.
 */
export function noteSessionHooks(app: FastifyInstance): void {
  const addHook = app.addHook as (...args: unknown[]) => FastifyInstance
  app.addHook = function (this: FastifyInstance, ...args: unknown[]) {
    const requirement = requirementOf(args[1])
    if (requirement !== undefined) ofScopes.set(this, [...(ofScopes.get(this) ?? []), requirement])
    return addHook.apply(this, args)
  } as FastifyInstance['addHook']
  app.addHook('onRoute', function (route) {
    scopeOf.set(route, this)
  })
}

/** What all hooks of a route ask for, its own and those of its scopes; `undefined` for nothing. */
export function sessionRequirementOf(route: object): SessionRequirement | undefined {
  const { onRequest, preParsing, preValidation, preHandler } = route as Record<string, unknown>
  const own = [onRequest, preParsing, preValidation, preHandler].flat().map(requirementOf)
  const found = [...own, ...requirementsOfScopes(scopeOf.get(route))].filter(
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
