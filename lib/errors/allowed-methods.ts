import type { FastifyInstance, RouteOptions } from 'fastify'
import FindMyWay, { type Config, type HTTPMethod } from 'find-my-way'

/**
 * Which methods a path has, for the 405 that Fastify does not give.
 *
 * Routes are only noted as they are declared; the router is built on the first path that leads
 * nowhere. Routes declared before the plugin, or for one host, are unknown to it and stay 404.
 */
export class AllowedMethods {
  readonly #paths = new Map<HTTPMethod, Set<string>>()
  readonly #config: Config<never>
  #router: FindMyWay.Instance<never> | undefined

  constructor({ initialConfig }: FastifyInstance) {
    const { constraints: _, ...config } = Object(initialConfig.routerOptions) as Config<never>
    this.#config = config
  }

  add({ method, url, constraints = {} }: RouteOptions): void {
    // A host, or what the app's own strategy asks for, decides whether there is such a path at all.
    if (Object.keys(constraints).some((name) => name !== 'version')) return
    for (const name of [method].flat() as HTTPMethod[]) {
      const paths = this.#paths.get(name) ?? new Set()
      this.#paths.set(name, paths.add(url))
    }
  }

  /**
   * The methods of a path, sorted.
   *
   * @returns None for a path that only answers OPTIONS: CORS plugins declare that for every path.
   */
  methodsOf(url: string): string[] {
    this.#router ??= this.#build()
    const router = this.#router
    const methods = [...this.#paths.keys()].filter((method) => router.find(method, url) !== null)
    return methods.some((method) => method !== 'OPTIONS') ? methods.sort() : []
  }

  #build(): FindMyWay.Instance<never> {
    const router = FindMyWay(this.#config)
    for (const [method, paths] of this.#paths)
      for (const path of paths) {
        try {
          router.on(method, path, () => {})
        } catch {
          // For this router, which knows no constraints, it is a path that was added before.
        }
      }
    return router
  }
}
