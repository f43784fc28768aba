const mark = Symbol.for('fastify-supersession.session-hook')

/** What a hook that verifies sessions means for a route's documentation. */
export interface SessionRequirement {
  /** Whether validators of claims may refuse the session. */
  readonly checksClaims: boolean
}

/** Marks a hook, so that the routes it stands before are documented as asking for a session. */
export function markSessionHook<H extends object>(hook: H, requirement: SessionRequirement): H {
  return Object.defineProperty(hook, mark, { value: requirement })
}

/** The requirement of the first marked hook among a route's. */
export function sessionRequirementOf(route: object): SessionRequirement | undefined {
  const { onRequest, preParsing, preValidation, preHandler } = route as Record<string, unknown>
  for (const hook of [onRequest, preParsing, preValidation, preHandler].flat()) {
    const requirement = (Object(hook) as { [mark]?: SessionRequirement })[mark]
    if (requirement !== undefined) return requirement
  }
  return undefined
}
