import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { AllowedMethods } from './allowed-methods.ts'
import { type ErrorSettings, resolveErrorSettings } from './options.ts'
import { ExceptionTable, HandlerMaps } from './registry.ts'
import type { HandlerTable } from './types.ts'

/** A not-found handler with the hooks that it was set with. */
export interface AppNotFound {
  readonly handler: (request: FastifyRequest, reply: FastifyReply) => unknown
  readonly hooks: readonly ((...parameters: unknown[]) => unknown)[]
}

const kScope: unique symbol = Symbol('fastify-supersession.errors')

/** What all scopes below one root registration share. */
export interface ErrorLayer {
  /** Set when the app is ready: from then on tables do not change. */
  frozen: boolean
  /** `undefined` where a wrong method is a 404. */
  readonly allowed: AllowedMethods | undefined
  /** The app's own not-found handler, where it was set after the plugin was registered. */
  notFound: AppNotFound | undefined
}

/**
 * The error handling of one encapsulation context that has handlers or settings of its own. Contexts
 * without share their parent's scope through Fastify's prototype chain, at no cost.
 */
export class ExceptionScope {
  readonly layer: ErrorLayer
  readonly handlers: HandlerMaps = new HandlerMaps()
  /** A table of its own: after the upgrade there is no reply that an HTTP handler could use. */
  readonly webSocketHandlers: HandlerMaps = new HandlerMaps()
  /** `undefined` for a scope that only has handlers. */
  settings: ErrorSettings | undefined
  readonly #instance: object
  readonly #routeTables = new WeakMap<object, ExceptionTable>()
  #table: ExceptionTable | undefined
  #webSocketTable: ExceptionTable | undefined

  constructor(instance: object, layer: ErrorLayer) {
    this.#instance = instance
    this.layer = layer
  }

  /** Looked up late: a parent may get a scope of its own after its child did. */
  get parent(): ExceptionScope | undefined {
    return scopeOf(Object.getPrototypeOf(this.#instance))
  }

  get table(): ExceptionTable {
    if (this.#table !== undefined) return this.#table
    const parent = this.parent?.table
    const settings = this.settings ?? parent?.settings ?? resolveErrorSettings({})
    const table = new ExceptionTable(parent, this.handlers, settings)
    if (this.layer.frozen) this.#table = table
    return table
  }

  get webSocketTable(): ExceptionTable {
    this.#webSocketTable ??= new ExceptionTable(
      this.parent?.webSocketTable,
      this.webSocketHandlers,
      this.table.settings
    )
    return this.#webSocketTable
  }

  /** The table of a route with handlers in its `config`, kept as long as that config is. */
  routeTable(config: object, handlers: HandlerTable, owner: FastifyInstance): ExceptionTable {
    let table = this.#routeTables.get(config)
    if (table === undefined) {
      const maps = new HandlerMaps()
      maps.setAll(handlers, owner)
      table = new ExceptionTable(this.table, maps, this.table.settings)
      this.#routeTables.set(config, table)
    }
    return table
  }
}

/** The scope an instance belongs to, its own or an inherited one. */
export function scopeOf(instance: object): ExceptionScope | undefined {
  return (instance as { [kScope]?: ExceptionScope })[kScope]
}

/** The handlers and settings of an instance. */
export function tableOf(instance: object): ExceptionTable {
  return nearestScope(instance).table
}

/** The handlers of an instance for errors of WebSockets after the upgrade. */
export function webSocketTableOf(instance: FastifyInstance): ExceptionTable {
  return nearestScope(instance).webSocketTable
}

/** Defaults that are called by hand work without the plugin too: with default settings. */
function nearestScope(instance: object): ExceptionScope {
  return (
    scopeOf(instance) ??
    new ExceptionScope(instance, {
      frozen: false,
      allowed: undefined,
      notFound: undefined
    })
  )
}

const instances = new WeakMap<object, FastifyInstance>()

/** Notes where a route was declared: its documentation is not told by others. */
export function noteInstance(route: object, instance: FastifyInstance): void {
  instances.set(route, instance)
}

/** The instance that a route was declared on; `undefined` where no plugin of ours was there yet. */
export function instanceOf(route: object): FastifyInstance | undefined {
  return instances.get(route)
}

/** The scope that is this very instance's, made on first use. */
export function ownScope(instance: FastifyInstance, layer: ErrorLayer): ExceptionScope {
  const existing = scopeOf(instance)
  if (existing !== undefined && Object.hasOwn(instance, kScope)) return existing
  const scope = new ExceptionScope(instance, layer)
  instance.decorate(kScope, scope)
  return scope
}

/** Whether the plugin is registered for this very instance, a setting-free scope left aside. */
export function isRegistered(instance: FastifyInstance): boolean {
  return Object.hasOwn(instance, kScope) && scopeOf(instance)?.settings !== undefined
}

/** The handlers and settings for a request: its route's, on top of its scope's. */
export function tableFor(request: FastifyRequest): ExceptionTable {
  const scope = nearestScope(request.server)
  const { config } = request.routeOptions
  const handlers = config?.exceptionHandlers
  return handlers === undefined ? scope.table : scope.routeTable(config, handlers, request.server)
}
