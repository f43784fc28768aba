import type { FastifyInstance, InjectOptions, LightMyRequestResponse } from 'fastify'
import type { TransferMethod } from '../../lib/index.ts'

export type Response = LightMyRequestResponse

/**
 * A client like the browser SDK: keeps the tokens of replies, and sends them with every request.
 *
 * Does not refresh by itself.
 */
export class Client {
  accessToken: string | undefined
  refreshToken: string | undefined
  frontToken: string | undefined
  antiCsrf: string | undefined
  readonly #app: FastifyInstance
  readonly #method: TransferMethod
  readonly #basePath: string

  constructor(app: FastifyInstance, method: TransferMethod, basePath = '/auth') {
    this.#app = app
    this.#method = method
    this.#basePath = basePath
  }

  /**
   * A second client with the same tokens: another tab with its own jar, or a thief.
   *
   * @param app - Another process, in place of the client's own.
   */
  copy(app: FastifyInstance = this.#app): Client {
    return Object.assign(new Client(app, this.#method, this.#basePath), {
      accessToken: this.accessToken,
      refreshToken: this.refreshToken,
      frontToken: this.frontToken,
      antiCsrf: this.antiCsrf
    })
  }

  async request(options: InjectOptions): Promise<Response> {
    return this.#send(options, this.accessToken)
  }

  async get(url: string): Promise<Response> {
    return this.request({ method: 'GET', url })
  }

  async post(url: string, body?: object): Promise<Response> {
    return this.request({ method: 'POST', url, ...(body && { payload: body }) })
  }

  async login(userId = 'ada', more: object = {}, url = '/login'): Promise<Response> {
    return this.post(url, { userId, ...more })
  }

  async refresh(): Promise<Response> {
    const url = `${this.#basePath}/session/refresh`
    return this.#send({ method: 'POST', url }, this.refreshToken)
  }

  async #send(options: InjectOptions, bearer: string | undefined): Promise<Response> {
    const headers: Record<string, string> = {
      rid: 'anti-csrf',
      'st-auth-mode': this.#method,
      ...(this.antiCsrf !== undefined && { 'anti-csrf': this.antiCsrf })
    }
    if (this.#method === 'header') {
      if (bearer !== undefined) headers['authorization'] = `Bearer ${bearer}`
    } else {
      headers['cookie'] = this.#cookieHeader()
    }
    const response = await this.#app.inject({
      ...options,
      headers: { ...headers, ...options.headers }
    })
    this.#keep(response)
    return response
  }

  #cookieHeader(): string {
    const cookies = [
      this.accessToken && `sAccessToken=${this.accessToken}`,
      this.refreshToken && `sRefreshToken=${this.refreshToken}`
    ]
    return cookies.filter(Boolean).join('; ')
  }

  #keep(response: Response): void {
    const { headers } = response
    for (const { name, value } of response.cookies) {
      if (name === 'sAccessToken') this.accessToken = value || undefined
      if (name === 'sRefreshToken') this.refreshToken = value || undefined
    }
    const [access, refresh] = [headers['st-access-token'], headers['st-refresh-token']]
    if (this.#method === 'header') {
      if (access !== undefined) this.accessToken = String(access) || undefined
      if (refresh !== undefined) this.refreshToken = String(refresh) || undefined
    }
    const antiCsrf = headers['anti-csrf']
    if (antiCsrf !== undefined) this.antiCsrf = String(antiCsrf)
    const front = headers['front-token']
    if (front !== undefined) this.frontToken = front === 'remove' ? undefined : String(front)
  }
}

/** The payload of a JWT, without verifying it. */
export function payloadOf(token: string | undefined): Record<string, unknown> {
  return JSON.parse(Buffer.from(String(token).split('.')[1] as string, 'base64url').toString())
}
